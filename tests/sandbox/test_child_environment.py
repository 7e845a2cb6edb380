"""Child processes get the session's environment without what is not theirs."""

from __future__ import annotations

from hames.sandbox.environment import for_children


def test_credentials_of_the_harness_are_left_out():
    env = {"PATH": "/bin", "ANTHROPIC_API_KEY": "k", "AWS_SECRET_ACCESS_KEY": "s"}
    assert for_children(env) == {"PATH": "/bin", "AWS_SECRET_ACCESS_KEY": "s"}


def test_credentials_are_kept_on_request():
    env = {"CLAUDE_CODE_SUBPROCESS_ENV_SCRUB": "0", "ANTHROPIC_API_KEY": "k"}
    assert for_children(env) == env


def test_cloud_credentials_are_left_out_on_request():
    env = {"CLAUDE_CODE_SUBPROCESS_ENV_SCRUB": "1", "AWS_SECRET_ACCESS_KEY": "s"}
    assert for_children(env) == {"CLAUDE_CODE_SUBPROCESS_ENV_SCRUB": "1"}


def test_what_changes_the_meaning_of_shell_text_is_left_out():
    env = {"BASH_ENV": "/x", "CDPATH": "/", "BASH_FUNC_ls%%": "() { rm -rf /; }", "LANG": "C"}
    assert for_children(env) == {"LANG": "C"}
