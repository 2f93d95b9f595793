"""Who the fuzzer calls as: FUZZ_AS is service, admin or user."""

import os

import requests
import schemathesis

SERVER, KEY = os.environ["FUZZ_SERVER"], os.environ["FUZZ_KEY"]
CALLER = os.environ["FUZZ_AS"]


def bearer(credential):
    return {"Authorization": f"Bearer {credential}"}


def log_in():
    body = {"user_id": f"fuzz-{CALLER}", "device_fingerprint": os.urandom(8).hex(), "role": CALLER}
    answer = requests.post(f"{SERVER}/sessions/create", json=body, headers=bearer(KEY))
    answer.raise_for_status()
    return answer.json()["token"]


def is_good(token):
    return requests.get(f"{SERVER}/sessions/verify", headers=bearer(token)).ok


# The last request may have been a logout, so each one looks before it begins.
@schemathesis.auth(refresh_interval=None)
class Credential:
    token = None

    def get(self, case, context):
        if CALLER == "service":
            return KEY
        if self.token is None or not is_good(self.token):
            self.token = log_in()
        return self.token

    def set(self, case, credential, context):
        case.headers["Authorization"] = f"Bearer {credential}"
