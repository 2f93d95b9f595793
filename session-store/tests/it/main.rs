//! What no contract suite can ask of every store: what Redis is asked, holds, and suffers.

mod redis;
