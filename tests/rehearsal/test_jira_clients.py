"""Clients that other people wrote, unmodified, over TLS: what they can do to Jira they can do to the double."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from atlassian import Jira as AtlassianJira
from atlassian.jira import JiraCloud
from jira import JIRA, JIRAError
from requests import HTTPError

from connectors.rehearsal.jira import TOKEN, USER, JiraDouble
from connectors.rehearsal.people import people
from tests.rehearsal.running import certificate, running

PEOPLE = people(1, 12)


def adf(text: str) -> dict[str, Any]:
    paragraph = {"type": "paragraph", "content": [{"type": "text", "text": text}]}
    return {"type": "doc", "version": 1, "content": [paragraph]}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    folder: Path = tmp_path_factory.mktemp("tls")
    with running(JiraDouble(people=PEOPLE), tls=True, folder=folder) as url:
        yield url, certificate(folder)


@pytest.fixture(scope="module")
def client(site: tuple[str, str]) -> Iterator[JIRA]:
    url, bundle = site
    options = {"server": url, "verify": bundle, "rest_api_version": "2"}
    made = JIRA(options=options, basic_auth=(USER, TOKEN), max_retries=0)
    yield made
    made.close()


@pytest.fixture(scope="module")
def cloud(site: tuple[str, str]) -> Iterator[JiraCloud]:
    url, bundle = site
    with JiraCloud(url=url, username=USER, password=TOKEN, verify_ssl=bundle) as made:
        yield made


@pytest.fixture(scope="module")
def classic(site: tuple[str, str]) -> Iterator[AtlassianJira]:
    url, bundle = site
    with AtlassianJira(url=url, username=USER, password=TOKEN, cloud=True, api_version="2", verify_ssl=bundle) as made:
        yield made


# ---------------------------------------------------------------- jira (pycontribs)


def task(summary: str, **more: Any) -> dict[str, Any]:
    return {"project": {"key": "DESK"}, "issuetype": {"name": "Task"}, "summary": summary, **more}


def test_pycontribs_sees_a_cloud_site(client: JIRA) -> None:
    assert client.deploymentType == "Cloud"
    assert client.myself()["emailAddress"] == USER
    assert [project.key for project in client.projects()] == ["DESK", "INFRA"]
    assert {"Task", "Incident"} <= {kind.name for kind in client.issue_types()}
    assert "customfield_10050" in {field["id"] for field in client.fields()}
    assert [user.emailAddress for user in client.search_users(query=PEOPLE[0].email)] == [PEOPLE[0].email]


def test_pycontribs_creates_reads_edits_and_deletes(client: JIRA) -> None:
    issue = client.create_issue(task("One", description="line one\nline two", labels=["alpha"]))
    assert issue.fields.description == "line one\nline two"
    issue.update(summary="Uno", labels=[{"add": "beta"}])
    assert (issue.fields.summary, issue.fields.labels) == ("Uno", ["alpha", "beta"])
    client.assign_issue(issue, PEOPLE[0].email)
    assert client.issue(issue.key).fields.assignee.accountId == PEOPLE[0].account
    issue.delete()
    with pytest.raises(JIRAError) as gone:
        client.issue(issue.key)
    assert gone.value.status_code == 404


def test_pycontribs_creates_by_names_it_looks_up(client: JIRA) -> None:
    made = client.create_issue(project="INFRA", issuetype="Bug", summary="Looked up")
    assert made.key.startswith("INFRA-")


def test_pycontribs_creates_in_bulk_and_learns_which_failed(client: JIRA) -> None:
    results = client.create_issues([task("Bulk one"), task(""), task("Bulk three")])
    assert [result["status"] for result in results] == ["Success", "Error", "Success"]
    assert "summary" in results[1]["error"]
    assert results[2]["issue"].fields.summary == "Bulk three"


def test_pycontribs_searches_page_by_page(client: JIRA) -> None:
    for number in range(7):
        client.create_issue(task(f"Paged {number}", labels=["paged"]), prefetch=False)
    first = client.enhanced_search_issues("labels = paged ORDER BY key ASC", maxResults=3)
    assert len(first) == 3
    rest = client.enhanced_search_issues(
        "labels = paged ORDER BY key ASC", maxResults=10, nextPageToken=first.nextPageToken, use_post=True
    )
    assert [issue.fields.summary for issue in [*first, *rest]] == [f"Paged {number}" for number in range(7)]
    assert len(client.search_issues("labels = paged", maxResults=False)) == 7
    assert client.approximate_issue_count("labels = paged") == 7


def test_pycontribs_comments_transitions_attaches_and_links(client: JIRA, tmp_path: Path) -> None:
    one, two = (client.create_issue(task(name)) for name in ("Left", "Right"))
    comment = client.add_comment(one, "said", visibility=None)
    comment.update(body="said again")
    assert [held.body for held in client.comments(one)] == ["said again"]
    client.transition_issue(one, "Start work")
    client.transition_issue(one, "Resolve", fields={"resolution": {"name": "Done"}}, comment="all good")
    done = client.issue(one.key)
    assert (done.fields.status.name, done.fields.resolution.name) == ("Done", "Done")
    attachment = client.add_attachment(one, io.BytesIO(b"bytes of a file"), filename="note.txt")
    assert attachment.get() == b"bytes of a file"  # over the redirect to the media host
    client.create_issue_link("Relates", one, two)
    (link,) = client.issue(one.key).fields.issuelinks
    client.delete_issue_link(link.id)
    assert client.issue(one.key).fields.issuelinks == []
    client.add_worklog(one, timeSpent="1h 30m")
    assert [log.timeSpentSeconds for log in client.worklogs(one)] == [5400]
    client.delete_attachment(attachment.id)
    client.add_simple_link(one, {"url": "https://example.com/1", "title": "Elsewhere"})
    assert [held.object.title for held in client.remote_links(one)] == ["Elsewhere"]


def test_pycontribs_with_bad_credentials_is_told_who_it_is_not(site: tuple[str, str]) -> None:
    url, bundle = site
    stranger = JIRA(
        options={"server": url, "verify": bundle}, basic_auth=(USER, "wrong"), max_retries=0, get_server_info=False
    )
    with pytest.raises(JIRAError) as denied:
        stranger.myself()
    assert denied.value.status_code == 401
    stranger.close()


# ---------------------------------------------------------------- atlassian-python-api


def test_the_cloud_client_of_atlassian_python_api_does_the_whole_round(cloud: JiraCloud) -> None:
    assert cloud.get_current_user()["emailAddress"] == USER
    made = cloud.create_issue(data={"fields": task("Round", description=adf("text"))})
    bulk = cloud.create_issues(data={"issueUpdates": [{"fields": task("Other", labels=["round"])}]})
    other = bulk["issues"][0]["key"]
    assert cloud.get_issue(made["key"])["fields"]["description"] == adf("text")
    found = cloud.enhanced_jql_get_list_of_tickets("labels = round", fields="summary")
    assert [issue["key"] for issue in found] == [other]
    assert cloud.bulk_fetch_issues(data={"issueIdsOrKeys": [made["key"], "DESK-9999"]})["issueErrors"]
    comment = cloud.add_comment(made["key"], data={"body": adf("a comment")})
    assert comment["body"] == adf("a comment")
    steps = {step["name"]: step["id"] for step in cloud.get_transitions(made["key"])["transitions"]}
    cloud.do_transition(made["key"], data={"transition": {"id": steps["Start work"]}})
    assert cloud.get_issue(made["key"])["fields"]["status"]["name"] == "In Progress"
    cloud.link_issues(
        data={"type": {"name": "Blocks"}, "inwardIssue": {"key": made["key"]}, "outwardIssue": {"key": other}}
    )
    (link,) = cloud.get_issue(other)["fields"]["issuelinks"]
    assert link["inwardIssue"]["key"] == made["key"]
    cloud.delete_issue_link(link["id"])
    cloud.delete_issue(other)
    with pytest.raises(HTTPError):
        cloud.get_issue(other)


def test_the_classic_client_of_atlassian_python_api_works_in_plain_text(classic: AtlassianJira, tmp_path: Path) -> None:
    made = classic.issue_create(task("Classic", description="plain words"))
    assert classic.issue(made["key"])["fields"]["description"] == "plain words"
    classic.update_issue_field(made["key"], {"summary": "Classic two"})
    assert classic.issue_field_value(made["key"], "summary") == "Classic two"
    classic.issue_add_comment(made["key"], "a word")
    assert [held["body"] for held in classic.issue_get_comments(made["key"])["comments"]] == ["a word"]
    classic.set_issue_status(made["key"], "In Progress")
    assert classic.get_issue_status(made["key"]) == "In Progress"
    note = tmp_path / "note.txt"
    note.write_bytes(b"a note")
    classic.add_attachment(made["key"], str(note))
    (attachment,) = classic.issue(made["key"])["fields"]["attachment"]
    assert (attachment["filename"], attachment["size"]) == ("note.txt", 6)
    classic.delete_issue(made["key"])
    assert not classic.issue_exists(made["key"])
