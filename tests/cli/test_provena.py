"""`kalbio provena`: the login, and what the commands print and do."""

from __future__ import annotations

import _thread
import dataclasses
import io
import json
import logging
import os
import stat
import sys
import threading
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from kalbio import cli
from kalbio._core.emulator.messages import Request
from kalbio.provena import ProvenaClient
from kalbio.provena.sandbox import jobs
from tests.cli.conftest import Shell, place
from tests.provena.datasets import METADATA
from tests.provena.scene import Scene

ORGANISATION: dict[str, Any] = {"display_name": "Reef group", "name": "Reef group"}


@pytest.fixture
def unset(provena: Shell, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """The commands, with nothing in the environment."""
    for name in (*place(provena), "CLIENT_ID", "CLIENT_SECRET"):
        monkeypatch.delenv(f"PROVENA_{name}")
    return provena


def where(provena: Shell) -> list[str]:
    """The options of a login that say where."""
    return [part for name, value in place(provena).items() for part in (f"--{name.lower()}", value)]


def give(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Put this on the input."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def described(scene: Scene) -> dict[str, Any]:
    """Metadata of a dataset."""
    made: dict[str, Any] = json.loads(json.dumps(METADATA))
    made["associations"]["organisation_id"] = made["dataset_info"]["publisher_id"] = scene.organisation
    return made


def kept(home: Path) -> list[Path]:
    """The files in the folder for settings."""
    return sorted(path for path in home.rglob("*.json"))


# -- the login -------------------------------------------------------------------------------------------------------


def test_a_login_in_a_browser_is_kept_renewed_and_removed(
    unset: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`login` opens and prints a link; later commands are that user, also when a token has ended, until `logout`."""
    opened: list[str] = []

    def open_link(link: str) -> None:
        opened.append(link)
        unset.sandbox.approve(parse_qs(urlsplit(link).query)["user_code"][0], "carol")

    monkeypatch.setattr("webbrowser.open", open_link)
    told = unset("login", *where(unset), "--json")
    assert (told.json["user"], told.json["profile"]) == ("carol", "default")
    assert "enter the code" in told.err
    assert len(kept(tmp_path)) == 2
    if os.name == "posix":
        assert {stat.S_IMODE(path.stat().st_mode) for path in kept(tmp_path)} == {0o600}

    unset.sandbox.expire_tokens()
    told = unset("whoami", "--json")
    assert (told.json["user"], told.json["domain"], len(opened)) == ("carol", "sandbox.invalid", 1)
    assert told.json["from"].startswith("the default login, in ")
    assert "sandbox-token-" not in told.out

    assert "removed" in unset("logout").out
    assert [path.name for path in kept(tmp_path)] == ["logins.json"]
    assert "There is no login" in unset("whoami", code=2).err
    assert "There is no login 'default'" in unset("logout", code=2).err


def test_an_offline_token_is_read_and_kept(unset: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """`login --offline-token` takes it from the input, where no list of processes shows it; two logins stand apart."""
    for user in ("alice", "bob"):
        give(monkeypatch, f"{unset.sandbox.offline_token(user)}\n")
        unset("login", *where(unset), "--offline-token", "--profile", user)
    unset.sandbox.expire_tokens()
    for user in ("alice", "bob", "alice"):
        assert unset("whoami", "--profile", user, "--json").json["user"] == user
    assert "There is no login" in unset("whoami", code=2).err
    assert "Did you mean 'alice'" in unset("whoami", "--profile", "alise", code=2).err


def test_an_offline_token_may_come_from_the_environment(unset: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """`login --from-environment` takes all of it, and the login holds when the variables are gone."""
    assert "PROVENA_OFFLINE_TOKEN is not set" in unset("login", "--from-environment", code=2).err
    variables = {**place(unset), "OFFLINE_TOKEN": unset.sandbox.offline_token("erin")}
    for name, value in variables.items():
        monkeypatch.setenv(f"PROVENA_{name}", value)
    assert "leave the other options out" in unset("login", "--from-environment", "--realm", "x", code=2).err
    assert unset("login", "--from-environment", "--json").json["user"] == "erin"
    for name in variables:
        monkeypatch.delenv(f"PROVENA_{name}")
    assert unset("whoami", "--json").json["user"] == "erin"


def test_a_login_that_has_ended_waits_for_nobody(unset: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command says that the login has ended, and how to log in again; it shows no link and does not wait."""
    give(monkeypatch, unset.sandbox.offline_token("alice"))
    unset("login", *where(unset), "--offline-token", "--profile", "lab")
    unset.sandbox.revoke_tokens()
    told = unset("whoami", "--profile", "lab", code=1)
    assert told.err == "kalbio: the login 'lab' has ended\nLog in again: kalbio provena login --profile lab\n"


def test_a_login_that_fails_leaves_the_one_before(unset: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token that is refused, and Ctrl-C while the browser is waited for, leave the earlier login as it was."""

    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    give(monkeypatch, unset.sandbox.offline_token("alice"))
    unset("login", *where(unset), "--offline-token")
    monkeypatch.setattr("webbrowser.open", interrupt)
    assert cli.main(["provena", "login", *where(unset)]) == 3
    give(monkeypatch, "sandbox-token-that-ended\n")
    unset("login", *where(unset), "--offline-token", code=1)
    assert unset("whoami", "--json").json["user"] == "alice"


def test_what_is_wrong_with_a_login_is_said(unset: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A token that is refused, one that is missing, and an installation that is not named keep nothing."""
    give(monkeypatch, "sandbox-token-that-ended\n")
    assert "is refused" in unset("login", *where(unset), "--offline-token", code=1).err
    give(monkeypatch, "\n")
    assert "first line of the input" in unset("login", *where(unset), "--offline-token", code=2).err
    example = "Such as: kalbio provena login --domain provena.example.org --realm provena"
    assert unset("login", code=2).err == f"kalbio: --domain and --realm are missing\n{example}\n"
    assert "--realm is missing" in unset("login", "--domain", "x.invalid", code=2).err
    nowhere = unset("login", "--domain", "sandbox.invalid", "--realm", "sandbox", code=2).err
    assert "kalbio provena login --url http://127.0.0.1:8322 --domain sandbox.invalid --realm sandbox" in nowhere
    assert "no name" in unset("login", *where(unset), "--profile", " a", code=2).err
    assert kept(tmp_path) == []


def test_the_environment_goes_before_the_login_that_is_kept(provena: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """What PROVENA_* say is used whole where no login is named, and `whoami` tells which it was."""
    give(monkeypatch, provena.sandbox.offline_token("alice"))
    assert "go before this login" in provena("login", *where(provena), "--offline-token").err
    told = provena("login", code=2).err
    assert "commands need no login: try kalbio provena whoami" in told
    assert f"write: kalbio provena login {' '.join(where(provena))}\n" in told
    told = provena("whoami", "--json").json
    assert (told["user"], told["profile"], told["from"]) == ("admin", None, "the environment")
    assert provena("whoami", "--profile", "default", "--json").json["user"] == "alice"
    monkeypatch.delenv("PROVENA_DOMAIN")
    assert "PROVENA_DOMAIN" in provena("whoami", code=2).err


def test_the_first_refusal_of_a_new_user_says_what_to_type(
    provena: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is linked to no person is told the command that does it, and then may mint; a missing role names one too."""
    scene = Scene(provena.sandbox)
    metadata = tmp_path / "metadata.json"
    metadata.write_text(json.dumps(described(scene)), encoding="utf-8")
    refused = provena("datasets", "mint", metadata, code=1)
    assert "kalbio provena link PERSON" in refused.err
    assert "client." not in refused.err
    told = provena("whoami").out.splitlines()
    assert "person  not linked, see kalbio provena link" in told
    assert not any(line.startswith("profile") for line in told)
    assert provena("link", "Ada Lovelace", "--json").json == {"person": scene.person}
    assert provena("whoami", "--json").json["person"] == scene.person
    again = provena("link", "Ada Lovelace", "--json")
    assert (again.json, again.err) == ({"person": scene.person}, "kalbio: you are linked to this person already\n")
    assert provena("link", "10378.1/1", code=2).err == "kalbio: there is no person '10378.1/1'\n"
    other: dict[str, Any] = {"display_name": "Bob", "first_name": "Bob", "last_name": "X", "email": "b@example.org"}
    with ProvenaClient() as client:
        bob = client.persons.create(**other, ethics_approved=True)
    assert f"linked to another person already: {scene.person}\nOnly adm" in provena("link", bob.id, code=1).err
    assert provena("datasets", "mint", metadata).out
    monkeypatch.setenv("PROVENA_CLIENT_ID", "client-tools")
    monkeypatch.delenv("PROVENA_CLIENT_SECRET")
    monkeypatch.setenv("PROVENA_OFFLINE_TOKEN", provena.sandbox.offline_token("carol"))
    give(monkeypatch, json.dumps(ORGANISATION))
    assert "kalbio provena whoami" in provena("items", "create", "organisations", "--from", "-", code=1).err


# -- items -----------------------------------------------------------------------------------------------------------


def test_items_are_made_found_and_shown(provena: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An item comes from a file or the input, is listed, found by words, and shown by its handle or its name."""
    (tmp_path / "reef.json").write_text(json.dumps(ORGANISATION), encoding="utf-8")
    made = provena("items", "create", "organisations", "--from", tmp_path / "reef.json", "--json").json
    give(monkeypatch, json.dumps({**ORGANISATION, "display_name": "Other group"}))
    assert "Other group" in provena("items", "create", "organisation", "--from", "-").out

    whole = provena("items", "list", "organisations", "--json").json
    assert {item["display_name"] for item in whole} == {"Reef group", "Other group"}
    lines = provena("items", "list", "ORGANISATION", "--sort", "name", "--csv").out.splitlines()
    assert lines[0] == "display_name,owner_username,updated_at,id"
    assert [line.split(",")[:2] for line in lines[1:]] == [["Other group", "admin"], ["Reef group", "admin"]]
    assert len(provena("items", "list", "--limit", "1", "--json").json) == 1
    assert provena("items", "list", "models", "--json").json == []

    assert provena("items", "get", made["id"], "--json").json["name"] == "Reef group"
    assert made["id"] in provena("items", "get", "Reef group", "--kind", "organisations").out
    assert "--kind models" in provena("items", "get", "Reef group", code=2).err
    assert "no item" in provena("items", "get", "10378.1/1", code=2).err

    (hit,) = provena("search", "reef", "--kind", "organisations", "--limit", "1", "--json").json
    assert (hit["id"], hit["display_name"], hit["item_subtype"]) == (made["id"], "Reef group", "ORGANISATION")
    (hit,) = provena("search", "reef", "--limit", "1", "--ids", "--json").json
    assert hit.keys() == {"id", "score"}


def test_a_name_of_a_hit_takes_one_request(provena: Shell, caplog: pytest.LogCaptureFixture) -> None:
    """A search fetches each hit once to tell its name, and none with --ids."""
    with ProvenaClient() as client:
        client.organisations.create(**ORGANISATION)
    caplog.set_level(logging.INFO, "kalbio.provena.sandbox")
    for options, fetches in (((), 1), (("--ids",), 0)):
        caplog.clear()
        assert len(provena("search", "reef", "--json", *options).json) == 1
        asked = [getattr(record, "operation", None) for record in caplog.records]
        assert len(asked) == 2 + fetches, asked  # a login and the search


def test_what_is_wrong_with_an_item_is_said(provena: Shell, tmp_path: Path) -> None:
    """A kind that there is not, data that are none and what a kind cannot do are refused with a cure."""
    (tmp_path / "x.json").write_text("[]", encoding="utf-8")
    (tmp_path / "y.json").write_text("{", encoding="utf-8")
    (tmp_path / "z.json").write_text('{"nam": "x"}', encoding="utf-8")
    create = ("items", "create", "organisations", "--from")
    assert "must have an object" in provena(*create, tmp_path / "x.json", code=2).err
    told = provena(*create, tmp_path / "y.json", code=2).err
    assert "no JSON" in told
    (tmp_path / "w.json").write_text(told.partition("organisation: ")[2].replace("name", "nam", 1).strip())
    assert "no member 'display_nam'" in provena(*create, tmp_path / "w.json", code=2).err
    (tmp_path / "u.json").write_text('{"display_name": "x"}')
    assert "organisation needs name, which is missing" in provena(*create, tmp_path / "u.json", code=2).err
    assert "Did you mean 'name'" in provena(*create, tmp_path / "z.json", code=2).err
    assert "no member 'nam'" in provena("datasets", "mint", tmp_path / "z.json", code=2).err
    (tmp_path / "v.json").write_text(json.dumps({**ORGANISATION, "verify": True}), encoding="utf-8")
    assert "'verify'" in provena(*create, tmp_path / "v.json", code=2).err
    assert "Did you mean 'models'" in provena("items", "list", "modles", code=2).err
    assert "datasets mint" in provena("items", "create", "datasets", "--from", tmp_path / "z.json", code=2).err
    assert "does not exist" in provena("items", "create", "versions", "--from", tmp_path / "z.json", code=2).err


def test_items_that_one_may_not_see_are_counted(provena: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list says how many items it lacks, because they are somebody else's."""
    with ProvenaClient() as client:
        hidden = client.organisations.create(**ORGANISATION)
        hidden.set_access(general=[])
    monkeypatch.setenv("PROVENA_CLIENT_ID", "client-tools")
    monkeypatch.delenv("PROVENA_CLIENT_SECRET")
    monkeypatch.setenv("PROVENA_OFFLINE_TOKEN", provena.sandbox.offline_token("alice"))
    told = provena("items", "list", "organisations", "--json")
    assert (told.json, told.err) == ([], "kalbio: you may not see 1 more\n")
    (hit,) = provena("search", "reef", "--json").json
    assert (hit["id"], hit["display_name"]) == (hidden.id, None)


# -- datasets --------------------------------------------------------------------------------------------------------


def test_a_dataset_goes_up_and_comes_down_again(provena: Shell, tmp_path: Path) -> None:
    """A dataset is minted, gets a folder and a file, lists them, and gives them back; nothing is moved twice."""
    scene = Scene(provena.sandbox)
    provena.sandbox.link("admin", scene.person)
    (tmp_path / "metadata.json").write_text(json.dumps(described(scene)), encoding="utf-8")
    id = provena("datasets", "mint", tmp_path / "metadata.json", "--json").json["id"]
    assert id in [item["id"] for item in provena("datasets", "list", "--json").json]

    (tmp_path / "up" / "data").mkdir(parents=True)
    (tmp_path / "up" / "data" / "a.csv").write_text("a,b\n", encoding="utf-8")
    (tmp_path / "notes.txt").write_text("notes", encoding="utf-8")
    sent = provena("datasets", "put", id, tmp_path / "up", "--json").json
    assert sent == [{"path": "data/a.csv", "what": "sent"}]
    assert "there already" in provena("datasets", "put", "Reef forcing", tmp_path / "up").out
    several = provena("datasets", "put", id, tmp_path / "up", tmp_path / "notes.txt", "--to", "more", "--csv").out
    assert several == "path,what\nmore/notes.txt,sent\nmore/up/data/a.csv,sent\n"
    listed = provena("datasets", "files", id, "--json").json
    assert {one["path"] for one in listed} == {"metadata.json", "data/a.csv", "more/notes.txt", "more/up/data/a.csv"}
    assert provena("datasets", "files", id, "--below", "data/", "--csv").out.splitlines()[1].startswith("data/a.csv,4,")

    down = tmp_path / "down"
    got = provena("datasets", "get", id, down, "--path", "data", "--json").json
    assert got == [{"path": str(down / "data" / "a.csv"), "bytes": 4}]
    (down / "data" / "a.csv").write_text("mine", encoding="utf-8")
    assert "a.csv" in provena("datasets", "get", id, down, "--path", "data", code=1).err
    provena("datasets", "get", id, down, "--force")
    assert (down / "data" / "a.csv").read_text(encoding="utf-8") == "a,b\n"
    assert "no file 'none'" in provena("datasets", "get", id, down, "--path", "none", code=1).err
    assert "Did you mean 'Reef forcing'" in provena("datasets", "files", "Reef forcin", code=2).err


def test_an_upload_that_was_stopped_goes_on(provena: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while files are on their way says how to go on; the same command sends what is not there yet."""
    scene = Scene(provena.sandbox)
    provena.sandbox.link("admin", scene.person)
    (tmp_path / "metadata.json").write_text(json.dumps(described(scene)), encoding="utf-8")
    id = provena("datasets", "mint", tmp_path / "metadata.json", "--json").json["id"]
    (tmp_path / "up").mkdir()
    for name in "abcdef":
        (tmp_path / "up" / f"{name}.csv").write_text(name, encoding="utf-8")
    handle = provena.sandbox.handle_with_faults
    sent: list[str] = []
    over = threading.Event()

    def stop(request: Request) -> Any:
        if request.method == "PUT" and not over.is_set():
            sent.append(request.target)
            if len(sent) == 2:
                _thread.interrupt_main()  # as Ctrl-C does, while files are on their way
            if len(sent) > 1:
                over.wait(10)
                return handle(dataclasses.replace(request, target="/nowhere"))  # nothing is stored, and nobody listens
        return handle(request)

    monkeypatch.setattr(provena.sandbox, "handle_with_faults", stop)
    told = provena("datasets", "put", id, tmp_path / "up", code=3)
    over.set()
    assert told.err.strip() == "Stopped. Run the same command again: it goes on where it was."
    done = [one["what"] for one in provena("datasets", "put", id, tmp_path / "up", "--json").json]
    assert sorted(done) == ["sent"] * 5 + ["there already"]


# -- jobs and lineage ------------------------------------------------------------------------------------------------


def test_jobs_are_listed_shown_and_waited_for(provena: Shell) -> None:
    """A job is in the list, shown whole, and waited for; the exit code says that one goes on, or failed."""
    with ProvenaClient() as client:
        job = client.jobs.admin.launch("REGISTRY_WAKE_UP").id
        assert [one["session_id"] for one in provena("jobs", "list", "--json").json] == [job]
        assert "REGISTRY_WAKE_UP" in provena("jobs", "list", "--limit", "1").out
        assert provena("jobs", "show", job, "--json").json["status"] == "SUCCEEDED"
        assert "no job" in provena("jobs", "show", "00000000-0000-4000-8000-000000000000", code=2).err
        assert provena("jobs", "wait", "nope", code=2).err.startswith("kalbio: there is no job 'nope'; ids")
        assert provena("jobs", "wait", job, job, "--csv").out.splitlines()[1].startswith(f"{job},REGISTRY_WAKE_UP,SUCC")
        provena.sandbox.hold_jobs()
        slow = client.jobs.admin.launch("REGISTRY_WAKE_UP").id
        assert "It goes on" in provena("jobs", "wait", slow, "--timeout", "0.05", code=5).err


def test_a_job_that_fails_fails_the_wait(provena: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """The exit code is 1 when a job or one that it led to failed; what the server says of it is printed."""

    def fail(store: Any, job: Any) -> Any:
        raise jobs.JobFailed("Job failed, err: as asked.")

    monkeypatch.setitem(jobs._workers, "REGISTRY_WAKE_UP", fail)
    with ProvenaClient() as client:
        job = client.jobs.admin.launch("REGISTRY_WAKE_UP").id
    (told,) = provena("jobs", "wait", job, "--json", code=1).json
    assert (told["status"], told["info"]) == ("FAILED", "Job failed, err: as asked.")
    assert "err: as asked" in provena("jobs", "wait", job, "--alone", code=1).out


def test_lineage_is_printed_in_each_form(provena: Shell) -> None:
    """Links as text and CSV, the graph as JSON and as a Mermaid flowchart, up and down."""
    with ProvenaClient() as client:
        scene = Scene(provena.sandbox)
        provena.sandbox.link("admin", scene.person)
        old = client.models.need(scene.model)
        new = old.version("faster").id
    graph = provena("lineage", new, "--json").json
    assert {new, scene.model} <= {node["id"] for node in graph["nodes"]}
    assert "wasGeneratedBy" in provena("lineage", new).out
    named = provena(
        "lineage", "Ada Lovelace", "--kind", "persons", "--downstream", "--depth", "all", "--names", "--csv"
    )
    assert named.out.startswith("source,source_subtype,source_name,type,target,target_subtype,target_name\n")
    assert f"{scene.person},PERSON,Ada Lovelace\n" in named.out
    assert provena("lineage", new, "--depth", "1", "--mermaid").out.startswith("flowchart RL\n")
    assert "--mermaid" in provena("lineage", new, "--mermaid", "--json", code=2).err
    assert "1, 2... or all" in provena("lineage", new, "--depth", "0", code=2).err
    for form in ((), ("--mermaid",), ("--csv",)):
        nothing = provena("lineage", scene.organisation, *form)
        assert nothing.err == "kalbio: no record says what this item came from\n"
    assert provena("lineage", "10378.1/1", code=2).err == "kalbio: there is no item '10378.1/1'\n"
