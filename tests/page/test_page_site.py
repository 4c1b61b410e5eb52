"""The operator's page as staff and others meet it, on a real site."""

import re
from html import unescape

import gevent
import pytest
from conftest import token
from support.waiting import eventually


def numbers(page):
    """in use, maxsize"""
    return tuple(map(int, re.search(r"(\d+) of (\d+)</strong> connections in use", page).groups()))


def test_who_is_not_logged_in_is_sent_to_the_admins_login(visitor):
    status, url, _ = visitor().get("/pgpool/")
    assert (status, url) == (200, "/admin/login/?next=/pgpool/")


@pytest.mark.parametrize("path", ["/pgpool/", "/pgpool/assets/page.js"])
def test_who_is_not_staff_is_refused(visitor, path):
    assert visitor("customer").get(path)[0] == 403


def test_staff_may_look_but_not_act(visitor):
    looker = visitor("looker")
    status, _, page = looker.get("/pgpool/")
    assert (status, "<form" in page) == (200, False)
    process = re.search(r'data-process="(\d+)"', page)[1]
    _, _, form = looker.get("/admin/password_change/")
    for action in ("drain", "resize"):
        answer = looker.post(
            f"/pgpool/default/{action}/",
            csrfmiddlewaretoken=token(form),
            process=process,
            maxsize="1",
        )
        assert answer[0] == 403
    assert numbers(looker.get("/pgpool/")[2])[1] > 1


def test_a_strict_policy_and_no_cache(visitor):
    looker = visitor("looker")
    _, _, page = looker.get("/pgpool/")
    policy = looker.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "no-store" in looker.headers["Cache-Control"]
    assert not re.search(r"\bstyle=|<style|\bon\w+=|javascript:|<script>", page)
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page)


@pytest.mark.parametrize("name", ["root", "operator"])
def test_drain_and_resize_are_done_and_logged_with_the_user(visitor, site, name):
    operator = visitor(name)
    _, _, page = operator.get("/pgpool/")
    process = re.search(r'data-process="(\d+)"', page)[1]
    known = {"csrfmiddlewaretoken": token(page), "process": process}
    maxsize = numbers(page)[1]
    status, url, page = operator.post("/pgpool/default/resize/", maxsize="7", **known)
    assert (status, url) == (200, "/pgpool/?done=resize")
    assert numbers(page)[1] == 7
    operator.post("/pgpool/default/resize/", maxsize=str(maxsize), **known)
    status, url, _ = operator.post("/pgpool/default/drain/", **known)
    assert (status, url) == (200, "/pgpool/?done=drain")
    said = site.log()
    assert re.search(
        rf"event='pool_resized' .*resized_from={maxsize} resized_to=7 user='{name}'", said
    )
    assert re.search(rf"event='pool_drained' .*user='{name}'", said)


def test_what_cannot_be_is_refused_in_words(visitor):
    root = visitor("root")
    _, _, page = root.get("/pgpool/")
    known = {"csrfmiddlewaretoken": token(page)}
    known["process"] = re.search(r'data-process="(\d+)"', page)[1]
    for maxsize in ("0", "many", ""):
        status, _, said = root.post("/pgpool/default/resize/", maxsize=maxsize, **known)
        assert status == 400
        assert "maxsize must be a whole number, at least 1." in said
    assert root.post("/pgpool/other/drain/", **known)[0] == 404
    assert root.get("/pgpool/default/drain/")[0] == 405
    assert root.post("/pgpool/default/drain/", process=known["process"])[0] == 403  # no token


def test_an_alias_may_be_called_anything(visitor, site):
    root = visitor("root")
    root.get("/hostile/")
    _, _, page = root.get("/pgpool/")
    assert "<script>alert" not in page
    assert "x/../&lt;script&gt;alert(&#x27;&amp;&#x27;)&lt;/script&gt;&quot;?#%2F" in page
    _, action = re.findall(r'action="([^"]+/)drain/"', page)
    known = {"csrfmiddlewaretoken": token(page)}
    known["process"] = re.search(r'data-process="(\d+)"', page)[1]
    assert root.post(f"{unescape(action)}drain/", **known)[:2] == (200, "/pgpool/?done=drain")
    assert re.search(r"event='pool_drained' alias=.x/\.\./<script>", site.log())


def test_another_process_than_the_one_that_was_meant_does_nothing(visitor, site):
    root = visitor("root")
    _, _, page = root.get("/pgpool/")
    before = site.log().count("pool_drained")
    status, _, said = root.post(
        "/pgpool/default/drain/", csrfmiddlewaretoken=token(page), process="1"
    )
    assert (status, "Nothing was done" in said, "Try again" in said) == (409, True, True)
    assert site.log().count("pool_drained") == before
    assert root.get("/pgpool/?process=1")[0] == 204


def test_who_holds_connections_is_told_with_the_stack_where_asked_for(visitor, site):
    looker = visitor("looker")
    request = gevent.spawn(visitor().get, "/held/1?secret=1")
    page = eventually(
        lambda: (text := looker.get("/pgpool/")[2]) and "GET /held/1" in text and text
    )
    assert numbers(page)[0] == 1, "the page itself holds nothing"
    assert "secret" not in page
    assert "<pre>" not in page
    stack = re.compile(r"<pre>.*in hold_until.*until\.wait", flags=re.DOTALL)
    eventually(lambda: stack.search(looker.get("/pgpool/?stacks")[2]))
    looker.get("/release/")
    request.join()
    assert "Traceback" not in site.log()
