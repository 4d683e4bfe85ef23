"""Profiles: kept by `kalbio login`, used whole."""

from __future__ import annotations

import io
import os
import stat
import sys
from pathlib import Path

import pytest

from kalbio import AsyncKaleidoscopeClient, KaleidoscopeClient, SettingError
from kalbio._core.files.user_settings import settings_folder
from kalbio._model.profiles import CREDENTIALS, Profile, Profiles
from kalbio.testing import InProcess
from tests.cli.conftest import Shell

FILE = "kalbio/profiles.json"


@pytest.fixture
def bare(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """The command without credentials in its environment."""
    for name in CREDENTIALS:
        monkeypatch.delenv(name)
    return shell


def log_in(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, *more: str, code: int = 0, secret: str = "sandbox-secret"
) -> str:
    """Log in with the secret on the input; gives what is printed."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{secret}\n"))
    ended = shell("login", "--url", shell.url, "--client-id", "sandbox-id", *more, code=code)
    return ended.out + ended.err


def test_a_login_is_used_until_the_logout(bare: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """After a login no environment is needed; the file is the user's alone; the logout removes what was kept."""
    assert "kalbio login" in bare("whoami", code=2).err
    assert "Sandbox" in log_in(bare, monkeypatch)
    file = tmp_path / "home" / FILE
    if os.name == "posix":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    told = bare("whoami", "--json").json
    assert told == {
        "workspace": "Sandbox", "workspace_id": told["workspace_id"], "url": bare.url, "client_id": "sandbox-id",
        "profile": "default", "from": f"the default profile, in {file}",
    }  # fmt: skip
    assert "sandbox-secret" not in bare("whoami", "--csv").out
    assert bare("programs", "--json").json
    assert "removed" in bare("logout").out
    assert "no profile default" in bare("logout", code=1).err
    assert "secret" not in file.read_text(encoding="utf-8")
    bare("whoami", code=2)


def test_profiles_have_names(bare: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """--profile, KALBIO_PROFILE and profile= choose one; for a name that there is not, one that is like it is named."""
    log_in(bare, monkeypatch, "--profile", "lab")
    bare("whoami", code=2)
    assert bare("whoami", "--profile", "lab", "--json").json["from"].startswith("--profile, in ")
    assert "Did you mean 'lab'" in bare("whoami", "--profile", "labb", code=2).err
    for kind in (KaleidoscopeClient, AsyncKaleidoscopeClient):
        assert repr(kind(profile="lab")) == f"<{kind.__name__} {bare.url}>"
        with pytest.raises(SettingError, match="no profile 'labb'"):
            kind(profile="labb")
    monkeypatch.setenv("KALBIO_PROFILE", "lab")
    assert bare("whoami", "--json").json["from"].startswith("KALBIO_PROFILE, in ")
    with KaleidoscopeClient() as client:
        assert client.workspace.get_workspace() is not None
    assert "lab is removed" in bare("logout").out


def test_a_profile_is_used_whole(bare: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """No part of a profile meets an argument or a variable: credentials never go to another address."""
    log_in(bare, monkeypatch, "--profile", "lab")
    other = "http://127.0.0.1:9"
    for kind in (KaleidoscopeClient, AsyncKaleidoscopeClient):
        for argument in ("url", "client_id", "client_secret", "iap_client_id"):
            with pytest.raises(SettingError, match=f"profile and {argument} cannot be given together"):
                kind(profile="lab", **{argument: other})  # type: ignore[arg-type]  # one of them, whichever
        with monkeypatch.context() as patch:
            for variable in CREDENTIALS:
                patch.setenv(variable, other)
            assert repr(kind(profile="lab")) == f"<{kind.__name__} {bare.url}>"
        for variable in CREDENTIALS:
            with monkeypatch.context() as patch:
                patch.setenv("KALBIO_PROFILE", "lab")
                patch.setenv(variable, other)
                with pytest.raises(SettingError, match=f"KALBIO_PROFILE and {variable} are both set"):
                    kind()
        with monkeypatch.context() as patch:
            patch.setenv("KALBIO_PROFILE", "lab")
            assert repr(kind("id", "sandbox-secret", other)) == f"<{kind.__name__} {other}>"
            with pytest.raises(SettingError, match="client_secret is missing"):
                kind(client_id="id")
    monkeypatch.setenv("KALBIO_PROFILE", "lab")
    monkeypatch.setenv("KALEIDOSCOPE_API_URL", other)
    assert "are both set" in bare("whoami", code=2).err
    assert bare("whoami", "--profile", "lab", "--json").json["url"] == bare.url
    bare("logout", "--profile", "lab")


def test_the_sandbox_ignores_profiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a profile in the environment that there is not even, kalbio.testing works as without."""
    monkeypatch.setenv("KALBIO_PROFILE", "production")
    with InProcess() as lab:
        assert lab.client.workspace.get_workspace() is not None
    with pytest.raises(SettingError, match="no profile 'production'"):
        KaleidoscopeClient()


def test_a_login_that_is_refused_keeps_nothing(bare: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Wrong credentials are told, and no file is made; --no-check keeps them all the same."""
    assert "status 401" in log_in(bare, monkeypatch, secret="sandbox-secret-of-nobody", code=1)
    assert not (tmp_path / "home" / FILE).exists()
    log_in(bare, monkeypatch, "--no-check", secret="sandbox-secret-of-nobody")
    bare("whoami", code=1)
    bare("logout")
    assert "secret is missing" in log_in(bare, monkeypatch, secret="", code=2)
    assert "no name" in log_in(bare, monkeypatch, "--profile", " a", code=2)


def test_a_login_takes_the_environment(shell: Shell) -> None:
    """--from-environment keeps what the lines say that the sandbox prints."""
    assert shell("login", "--from-environment", "--profile", "lab", "--json").json["url"] == shell.url
    assert shell("whoami", "--json").json["from"] == "the environment"
    assert shell("whoami", "--profile", "lab", "--json").json["profile"] == "lab"
    assert "--url" in shell("login", "--from-environment", "--url", "http://x.invalid", code=2).err
    shell("logout", "--profile", "lab")


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    """Credentials that are not the user's alone are not used; neither is a file that holds something else."""
    profiles = Profiles(tmp_path / "kalbio")
    profiles.save(Profile("lab", "http://x.invalid", "id", "sandbox-secret-1"))
    assert "sandbox-secret" not in repr(profiles.load("lab"))
    if os.name == "posix":
        profiles.path.chmod(0o640)
        with pytest.raises(SettingError, match="chmod 600"):
            profiles.load("lab")
        profiles.path.chmod(0o600)
    for text, told in (
        ("{", "no file of profiles"),
        ("[]", "no file of profiles"),
        ('{"lab": 1}', "no file of profiles"),
        ('{"lab": {"url": "http://x.invalid"}}', "not whole"),
        ('{"lab": {"url": "u", "client_id": "i", "client_secret": 1}}', "not whole"),
        ('{"lab": {"url": "u", "client_id": "i", "client_secret": "s", "more": "m"}}', "not whole"),
    ):
        profiles.path.write_text(text, encoding="utf-8")
        with pytest.raises(SettingError, match=told):
            profiles.load("lab")


KEYRING = """
import json, pathlib
FILE = pathlib.Path(__file__).with_name("kept.json")
class Backend: priority = {priority}
def get_keyring(): return Backend
def _all(): return json.loads(FILE.read_text()) if FILE.exists() else {{}}
def get_password(service, name): return _all().get(service + "/" + name)
def set_password(service, name, text): FILE.write_text(json.dumps(_all() | {{service + "/" + name: text}}))
def delete_password(service, name):
    from keyring import errors
    kept = _all()
    if kept.pop(service + "/" + name, None) is None: raise errors.PasswordDeleteError
    FILE.write_text(json.dumps(kept))
"""


def put_keyring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, priority: int) -> Path:
    """Make a stand-in for the library `keyring` importable; gives the file with what it keeps."""
    folder = tmp_path / "site" / "keyring"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(KEYRING.format(priority=priority), encoding="utf-8")
    (folder / "errors.py").write_text("class PasswordDeleteError(Exception): pass\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder.parent))
    for name in ("keyring", "keyring.errors"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return folder / "kept.json"


def test_the_keyring_keeps_a_profile_whole(bare: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where there is a keyring it is used: the file has the name of the profile alone, and a logout empties both."""
    kept = put_keyring(tmp_path, monkeypatch, 5)
    assert "in the keyring" in log_in(bare, monkeypatch)
    file = tmp_path / "home" / FILE
    assert file.read_text(encoding="utf-8") == '{\n  "default": {\n    "store": "keyring"\n  }\n}\n'
    told = bare("whoami", "--json").json
    assert (told["url"], told["from"]) == (bare.url, "the default profile, in the keyring")
    bare("logout")
    assert kept.read_text(encoding="utf-8") == "{}"
    log_in(bare, monkeypatch)
    kept.unlink()
    assert "keyring has no credentials" in bare("whoami", code=2).err
    bare("logout")


def test_without_a_keyring_the_file_is_used(bare: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A system without a keyring gets the file, and an error where the keyring was asked for."""
    put_keyring(tmp_path, monkeypatch, 0)
    assert "no keyring" in log_in(bare, monkeypatch, "--store", "keyring", code=2)
    assert FILE in log_in(bare, monkeypatch)
    bare("logout")


def test_the_folder_is_that_of_the_platform(tmp_path: Path) -> None:
    """Settings lie where each platform has them; a relative XDG_CONFIG_HOME does not count."""
    home = Path.home()
    assert settings_folder("kalbio", {"XDG_CONFIG_HOME": str(tmp_path)}, "linux") == tmp_path / "kalbio"
    assert settings_folder("kalbio", {"XDG_CONFIG_HOME": "here"}, "linux") == home / ".config" / "kalbio"
    assert settings_folder("kalbio", {}, "linux") == home / ".config" / "kalbio"
    assert settings_folder("kalbio", {}, "darwin") == home / "Library" / "Application Support" / "kalbio"
    assert settings_folder("kalbio", {"APPDATA": str(tmp_path)}, "win32") == tmp_path / "kalbio"
