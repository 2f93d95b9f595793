use super::*;

/// The device that is seen, in three words; `-` where nothing is.
async fn seen(agent: &str) -> [String; 3] {
    let device = device(agent.as_bytes()).await;
    assert_eq!(device.ip_address, None);
    [device.name, device.device_type, device.browser].map(|it| it.unwrap_or("-".into()))
}

#[tokio::test]
async fn browsers_of_desktops_are_known() {
    let windows =
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)";
    let chrome = "Chrome/138.0.0.0 Safari/537.36";
    let cases = [
        // Windows 11 says the same.
        (format!("{windows} {chrome}"), "Chrome on Windows 10", "Chrome"),
        (format!("{windows} {chrome} Edg/138.0.0.0"), "Edge on Windows 10", "Edge"),
        (format!("{windows} {chrome} OPR/120.0.0.0"), "Opera on Windows 10", "Opera"),
        (
            "Mozilla/5.0 (Windows NT 6.3; Win64; x64; rv:115.0) Gecko/20100101 Firefox/115.0".into(),
            "Firefox on Windows 8.1",
            "Firefox",
        ),
        (
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0".into(),
            "Firefox on Linux",
            "Firefox",
        ),
        (
            "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0".into(),
            "Firefox on Ubuntu",
            "Firefox",
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15".into(),
            "Safari on macOS",
            "Safari",
        ),
        (
            format!("Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) {chrome}"),
            "Chrome on Chrome OS",
            "Chrome",
        ),
    ];
    for (agent, name, browser) in cases {
        assert_eq!(seen(&agent).await, [name, "web", browser], "{agent}");
    }
}

#[tokio::test]
async fn phones_and_tablets_are_mobile() {
    let iphone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)";
    let android = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko)";
    let cases = [
        (format!("{iphone} Version/18.5 Mobile/15E148 Safari/604.1"), "Safari on iPhone", "Safari"),
        (format!("{iphone} CriOS/138.0.7204.119 Mobile/15E148 Safari/604.1"), "Chrome on iPhone", "Chrome"),
        (format!("{iphone} FxiOS/140.0 Mobile/15E148 Safari/605.1.15"), "Firefox on iPhone", "Firefox"),
        (
            "Mozilla/5.0 (iPad; CPU OS 17_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.7 Mobile/15E148 Safari/604.1".into(),
            "Safari on iPad",
            "Safari",
        ),
        (format!("{android} Chrome/138.0.0.0 Mobile Safari/537.36"), "Chrome on Android", "Chrome"),
        // A tablet.
        (format!("{android} Chrome/138.0.0.0 Safari/537.36"), "Chrome on Android", "Chrome"),
        (format!("{android} Chrome/138.0.0.0 Mobile Safari/537.36 EdgA/138.0.0.0"), "Edge on Android", "Edge"),
        (
            format!("{android} SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36"),
            "Samsung Internet on Android",
            "Samsung Internet",
        ),
        (
            "Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0".into(),
            "Firefox on Android",
            "Firefox",
        ),
    ];
    for (agent, name, browser) in cases {
        assert_eq!(seen(&agent).await, [name, "mobile", browser], "{agent}");
    }
}

#[tokio::test]
async fn an_app_is_known_by_its_system_alone() {
    let cases = [
        (
            "Dalvik/2.1.0 (Linux; U; Android 14; Pixel 8 Build/AP2A.240805.005)",
            "Android",
        ),
        (
            "Mozilla/5.0 (Linux; Android 14; Pixel 8 Build/AP2A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/138.0.0.0 Mobile Safari/537.36",
            "Android",
        ),
        ("Bank/1.2 (iPhone; iOS 18.5; Scale/3.00)", "iPhone"),
        (
            "Bank/1.2 (com.example.bank; build:3; iOS 18.5.0) Alamofire/5.9.1",
            "iOS",
        ),
    ];
    for (agent, name) in cases {
        assert_eq!(seen(agent).await, [name, "mobile", "-"], "{agent}");
    }
    let desktop = "Wget/1.24.5 (linux-gnu)";
    assert_eq!(seen(desktop).await, ["Linux", "-", "-"]);
}

#[tokio::test]
async fn what_is_neither_desk_nor_pocket_has_no_type() {
    let television = "Mozilla/5.0 (SMART-TV; LINUX; Tizen 6.0) AppleWebKit/537.36 (KHTML, like Gecko) 76.0.3809.146/6.0 TV Safari/537.36";
    assert_eq!(seen(television).await, ["Safari on Tizen", "-", "Safari"]);
    let console = "Mozilla/5.0 (PlayStation; PlayStation 5/8.00) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/15.4 Safari/605.1.15";
    assert_eq!(seen(console).await, ["Safari", "-", "Safari"]);
}

#[tokio::test]
async fn programs_and_bots_are_left_out() {
    for agent in [
        "curl/8.11.0",
        "okhttp/4.12.0",
        "python-requests/2.32.3",
        "Go-http-client/2.0",
        "node",
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Mozilla/5.0 (Linux; Android 5.0) AppleWebKit/537.36 (KHTML, like Gecko) Mobile Safari/537.36 (compatible; Bytespider; spider-feedback@bytedance.com)",
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
    ] {
        assert_eq!(seen(agent).await, ["-", "-", "-"], "{agent}");
    }
}

#[tokio::test]
async fn a_phone_whose_maker_sounds_like_a_bot_is_none() {
    let agent = "Mozilla/5.0 (Linux; Android 12; CUBOT NOTE 20) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Mobile Safari/537.36";
    assert_eq!(seen(agent).await, ["Chrome on Android", "mobile", "Chrome"]);
}

#[tokio::test]
async fn garbage_is_survived_and_fits() {
    let pieces = [
        "",
        " ",
        "\0",
        "\n",
        "Mozilla/",
        "Opera/",
        "((((",
        "$1$2$9",
        "Windows NT",
        "Android ",
        "HbbTV/1.1.1 (;",
        "iPhone",
        "Version/9.9.9.9.9",
        "Bot ",
        "é",
        "\u{202e}",
        "<script>alert(1)</script>",
        "99999999999999999999",
        "Darwin/",
        " CFNetwork/1",
        "\u{fffd}",
    ];
    for first in pieces {
        for second in pieces {
            let agent = format!("{first}{}", second.repeat(300));
            let device = device(agent.as_bytes()).await;
            let is_at_most =
                |text: Option<String>, most| text.is_none_or(|it| it.chars().count() <= most);
            assert!(
                is_at_most(device.name, limits::DEVICE_NAME_CHARS),
                "{agent}"
            );
            assert!(is_at_most(device.browser, limits::BROWSER_CHARS), "{agent}");
            assert!(
                is_at_most(device.device_type, limits::DEVICE_TYPE_CHARS),
                "{agent}"
            );
        }
    }
}

#[tokio::test]
async fn bytes_that_are_no_text_and_what_is_past_the_bound_are_ignored() {
    let firefox = b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    let odd = [firefox.as_slice(), b" \xff\xfe\x80"].concat();
    assert_eq!(device(&odd).await.browser.as_deref(), Some("Firefox"));
    // Cut within the last character.
    let long = [
        firefox.as_slice(),
        "é".repeat(10_000).as_bytes(),
        b" Edg/138.0",
    ]
    .concat();
    assert_eq!(device(&long).await.browser.as_deref(), Some("Firefox"));
    assert_eq!(device(&[0x80; 4096]).await, Device::default());
}
