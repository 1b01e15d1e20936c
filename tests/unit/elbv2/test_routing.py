"""From request to decision: forward, redirect, fixed response, sessions, rewriting, headers, records."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.elbv2 import fakes
from tests.unit.elbv2.test_balancing import Clock, view

from cloudarium.services.elbv2.node import wire
from cloudarium.services.elbv2.node.cookies import CookieBox, request_cookie, sets_cookie
from cloudarium.services.elbv2.node.groups import GroupView
from cloudarium.services.elbv2.node.redirects import Redirect
from cloudarium.services.elbv2.node.router import NodeRecord, NodeRouter, matcher_of
from cloudarium.services.elbv2.node.stickiness import Stickiness
from cloudarium.substrate.http.exchange import Exchange
from cloudarium.substrate.http.faults import Fault
from cloudarium.substrate.http.heads import parse_response_head
from cloudarium.substrate.http.routing import Fail, Forward, Respond


class Site:
    """A router with what it needs."""

    def __init__(self, snap: wire.Balancer) -> None:
        self.clock = Clock()
        self.record = NodeRecord()
        self.record.logging = True
        self.groups: dict[str, GroupView] = {}
        for group in snap.groups:
            self.groups[group.arn] = view(self.clock)
            self.groups[group.arn].update(group, self.clock)
        listener = snap.listeners[0]
        self.router = NodeRouter(
            snap, listener, matcher_of(listener), self.groups, self.record, Stickiness(snap.cookie_key), self.clock
        )

    def ask(self, **request: object) -> tuple[Exchange, Forward | Respond | Fail]:
        exchange = fakes.exchange(router=self.router, **request)  # type: ignore[arg-type]
        decision = self.router.route(exchange)
        assert isinstance(decision, Forward | Respond | Fail)
        if isinstance(decision, Forward):
            exchange.upstream = decision.upstream
        return exchange, decision

    def target(self, **request: object) -> str:
        _, decision = self.ask(**request)
        assert isinstance(decision, Forward)
        key: str = decision.upstream.owner.target.key
        return key


def cookies_of(decision: object) -> dict[str, str]:
    assert isinstance(decision, Forward)
    lines = decision.response_fields.decode().split("\r\n")
    pairs = [line.removeprefix("Set-Cookie: ").split(";")[0].partition("=") for line in lines if line]
    return {name: value for name, _, value in pairs}


def test_rules_decide_in_order() -> None:
    first = fakes.rule(1, fakes.FIXED, {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/a"]}})
    site = Site(fakes.balancer(first, fakes.rule(0, fakes.forward("g")), groups=(fakes.group("g", fakes.target("x")),)))
    _, decision = site.ask(target="/a")
    assert isinstance(decision, Respond) and decision.status == 404
    assert site.target(target="/b") == "x"
    assert site.ask(target="/b")[1] is site.ask(target="/b")[1], "one Forward serves every request to a target"


def test_no_targets_is_503() -> None:
    for action in (fakes.forward("g"), fakes.forward("g", "h"), fakes.forward("g", weights=(0,))):
        site = Site(fakes.balancer(fakes.rule(0, action), groups=(fakes.group("g"), fakes.group("h"))))
        _, decision = site.ask()
        assert isinstance(decision, Fail) and decision.status == 503


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"Protocol": "HTTPS", "Port": "443"}, "https://example.com:443/a/b?x=1&y=2"),
        ({"Host": "www.#{host}"}, "http://www.example.com:8080/a/b?x=1&y=2"),
        ({"Path": "/new/#{path}", "Query": "#{query}&z=#{port}"}, "http://example.com:8080/new/a/b?x=1&y=2&z=8080"),
        ({"Query": ""}, "http://example.com:8080/a/b"),
        ({"Path": "/#{host}/#{port}/"}, "http://example.com:8080/example.com/8080/?x=1&y=2"),
        ({"Query": "from=#{protocol}://#{host}/#{path}"}, "http://example.com:8080/a/b?from=http://example.com/a/b"),
    ],
)
def test_redirect_locations(config: dict[str, str], expected: str) -> None:
    defaults = {
        "Protocol": "#{protocol}",
        "Host": "#{host}",
        "Port": "#{port}",
        "Path": "/#{path}",
        "Query": "#{query}",
        "StatusCode": "HTTP_302",
    }
    redirect = Redirect(defaults | config)
    assert redirect.status == 302
    assert redirect.location("http", "example.com", 8080, "/a/b", "x=1&y=2") == expected


def test_redirects_answer_and_know_their_limit() -> None:
    config = {"Protocol": "HTTPS", "Port": "443", "Host": "#{host}", "Path": "/#{path}", "Query": "#{query}"}
    action = {"Type": "redirect", "RedirectConfig": config | {"StatusCode": "HTTP_301"}}
    site = Site(fakes.balancer(fakes.rule(0, action)))
    _, decision = site.ask(target="/x?y", host="Example.com:80")
    assert isinstance(decision, Respond) and decision.status == 301
    assert dict(decision.fields)[b"Location"] == b"https://example.com:443/x?y"
    assert b"301 Moved Permanently" in decision.body
    exchange, decision = site.ask(target="/" + "x" * 9000)
    assert isinstance(decision, Fail) and decision.status == 507
    exchange.elb_status = 507
    site.router.finished(exchange)
    assert site.record.counts.redirect_limit_exceeded == 1 and site.record.counts.redirects == 0


def test_weights_and_group_sessions() -> None:
    action = fakes.forward("g", "h", weights=(3, 1), sticky=600)
    groups = (fakes.group("g", fakes.target("red")), fakes.group("h", fakes.target("green")))
    site = Site(fakes.balancer(fakes.rule(0, action), groups=groups))
    assert [site.target() for _ in range(8)].count("red") == 6
    _, decision = site.ask()
    first = decision.upstream.owner.target.key  # type: ignore[union-attr]
    cookies = cookies_of(decision)
    assert set(cookies) == {"AWSALBTG", "AWSALBTGCORS"}
    cookie = {"Cookie": f"x=y; AWSALBTG={cookies['AWSALBTG']}"}
    assert {site.target(headers=cookie) for _ in range(8)} == {first}
    twin = {"Cookie": f"AWSALBTGCORS={cookies['AWSALBTGCORS']}"}
    assert {site.target(headers=twin) for _ in range(8)} == {first}, "all that cross-origin requests bring"
    site.clock.now += 601
    assert {site.target(headers=cookie) for _ in range(8)} == {"red", "green"}
    assert {site.target(headers={"Cookie": "AWSALBTG=forged"}) for _ in range(8)} == {"red", "green"}


def test_a_session_holds_until_its_target_falls_ill_or_time_is_up() -> None:
    attributes = {"stickiness__enabled": "true", "stickiness__lb_cookie__duration_seconds": "60"}
    group = fakes.group("g", fakes.target("a"), fakes.target("bb"), **attributes)
    site = Site(fakes.balancer(fakes.rule(0, fakes.forward("g")), groups=(group,)))
    exchange, decision = site.ask()
    first = decision.upstream.owner.target.key  # type: ignore[union-attr]
    cookies = cookies_of(decision)
    assert set(cookies) == {"AWSALB", "AWSALBCORS"}
    assert exchange.note.non_sticky
    cookie = {"Cookie": f"AWSALB={cookies['AWSALB']}"}
    assert {site.target(headers=cookie) for _ in range(6)} == {first}
    twin = {"Cookie": f"AWSALBCORS={cookies['AWSALBCORS']}"}
    assert {site.target(headers=twin) for _ in range(6)} == {first}, "all that cross-origin requests bring"
    exchange, decision = site.ask(headers=cookie)
    assert not exchange.note.non_sticky
    lines = decision.response_fields.split(b"\r\n")  # type: ignore[union-attr]
    assert lines[0].endswith(b"; Path=/") and b"Expires=Thu, 01 Jan 1970 00:17:40 GMT" in lines[0]
    assert lines[1].endswith(b"; Path=/; SameSite=None")
    view_ = site.groups[fakes.arn("g")]
    view_.change(first, "unhealthy", 0.0)
    assert site.target(headers=cookie) != first
    view_.change(first, "healthy", 0.0)
    assert site.target(headers=cookie) == first
    site.clock.now += 61
    assert {site.target(headers=cookie) for _ in range(6)} == {"a", "bb"}


def test_application_sessions_begin_with_the_applications_cookie() -> None:
    attributes = {
        "stickiness__enabled": "true",
        "stickiness__type": "app_cookie",
        "stickiness__app_cookie__cookie_name": "SID",
        "stickiness__app_cookie__duration_seconds": "60",
    }
    group = fakes.group("g", fakes.target("a"), fakes.target("bb"), **attributes)
    site = Site(fakes.balancer(fakes.rule(0, fakes.forward("g")), groups=(group,)))
    exchange, decision = site.ask()
    assert isinstance(decision, Forward) and decision.on_response is not None
    plain = parse_response_head(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    assert decision.on_response(exchange, plain) == b""
    sets = parse_response_head(b"HTTP/1.1 200 OK\r\nSet-Cookie: SID=1; Path=/\r\nContent-Length: 0\r\n\r\n")
    line = decision.on_response(exchange, sets).decode()
    assert line.startswith("Set-Cookie: AWSALBAPP-0=")
    first = decision.upstream.owner.target.key
    value = line.removeprefix("Set-Cookie: ").split(";")[0]
    both = {"Cookie": f"SID=1; {value}"}
    assert {site.target(headers=both) for _ in range(6)} == {first}
    assert {site.target(headers={"Cookie": value}) for _ in range(6)} == {"a", "bb"}, "both cookies are needed"
    exchange, decision = site.ask(headers=both)
    assert isinstance(decision, Forward) and decision.on_response is not None
    assert decision.on_response(exchange, plain).startswith(b"Set-Cookie: AWSALBAPP-0="), "extended"
    site.clock.now += 61
    assert {site.target(headers=both) for _ in range(6)} == {"a", "bb"}


@given(st.binary(max_size=63))
def test_sealed_is_opened(content: bytes) -> None:
    box = CookieBox(b"key")
    sealed = box.seal(content)
    assert box.open(sealed) == content
    assert CookieBox(b"other").open(sealed) is None
    flipped = sealed[:20] + (b"A" if sealed[20:21] != b"A" else b"B") + sealed[21:]
    assert box.open(flipped) is None


@given(st.binary(max_size=200))
def test_nonsense_is_not_opened(value: bytes) -> None:
    assert CookieBox(b"key").open(value) is None


def test_cookies_are_found() -> None:
    assert request_cookie([b"a=1; b=2", b"c=3"], b"c") == b"3"
    assert request_cookie([b"aa=1"], b"a") is None
    assert sets_cookie([b"SID=1; Path=/"], b"SID") and not sets_cookie([b"SIDX=1"], b"SID")


def rewriting(*transforms: dict[str, object]) -> Site:
    action = fakes.rule(0, fakes.forward("g"), transforms=tuple(transforms))
    return Site(fakes.balancer(action, groups=(fakes.group("g", fakes.target("a")),)))


def test_requests_are_rewritten_on_the_way() -> None:
    site = rewriting(
        {"Type": "url-rewrite", "UrlRewriteConfig": {"Rewrites": [{"Regex": "^/v1/(.*)$", "Replace": "/$1"}]}},
        {
            "Type": "host-header-rewrite",
            "HostHeaderRewriteConfig": {"Rewrites": [{"Regex": "^(.*)\\.com$", "Replace": "$1.internal"}]},
        },
    )
    exchange, decision = site.ask(target="/v1/a?b=c")
    assert isinstance(decision, Forward)
    assert (exchange.target, decision.host) == (b"/a?b=c", b"example.internal")
    exchange.elb_status = exchange.target_status = 200
    site.router.finished(exchange)
    assert '"GET http://example.com:80/v1/a?b=c HTTP/1.1"' in site.record.log[0]
    assert site.record.log[0].endswith('"example.internal" "/a?b=c" "TransformSuccess"')


def test_what_comes_out_of_a_rewrite_must_be_a_url() -> None:
    site = rewriting({"Type": "url-rewrite", "UrlRewriteConfig": {"Rewrites": [{"Regex": "^/", "Replace": "x"}]}})
    _, decision = site.ask()
    assert isinstance(decision, Fail) and decision.status == 500


def test_what_no_rewrite_matches_goes_on_as_it_came() -> None:
    site = rewriting(
        {"Type": "url-rewrite", "UrlRewriteConfig": {"Rewrites": [{"Regex": "^/v1/", "Replace": "/"}]}},
        {"Type": "host-header-rewrite", "HostHeaderRewriteConfig": {"Rewrites": [{"Regex": "^a$", "Replace": "b"}]}},
    )
    exchange, decision = site.ask(target="/café x", host="odd host")
    assert isinstance(decision, Forward) and decision.host is None
    assert exchange.target == "/café x".encode()


def test_listener_attributes_shape_answers() -> None:
    key = "routing.http.response.x_frame_options.header_value"
    attributes = {key: "DENY", "routing.http.response.server.enabled": "false"}
    groups = (fakes.group("g", fakes.target("a")),)
    site = Site(fakes.balancer(fakes.rule(0, fakes.forward("g")), groups=groups, listener=attributes))
    _, decision = site.ask()
    assert isinstance(decision, Forward)
    assert decision.response_fields == b"X-Frame-Options: DENY\r\n"
    assert decision.dropped_response_fields == {b"server", b"x-frame-options"}


def test_what_happened_is_counted() -> None:
    groups = (fakes.group("g", fakes.target("a")),)
    first = fakes.rule(1, fakes.FIXED, {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/a"]}})
    site = Site(fakes.balancer(first, fakes.rule(0, fakes.forward("g")), groups=groups))
    for elb, status, fault in ((200, 200, None), (502, 0, Fault.CONNECT_REFUSED), (460, 0, Fault.CLIENT_CLOSED)):
        exchange, _ = site.ask()
        exchange.elb_status, exchange.target_status, exchange.fault = elb, status, fault
        exchange.sent_at, exchange.answered_at = 1.0, 1.25 if status else -1.0
        exchange.received_bytes = exchange.sent_bytes = 10
        site.router.finished(exchange)
    exchange, _ = site.ask(target="/a")
    exchange.elb_status = 404
    site.router.finished(exchange)
    counts, of_group = site.record.settle(), site.groups[fakes.arn("g")].counts
    assert (counts.requests, counts.fixed_responses, counts.rule_evaluations) == (3, 1, 4)
    assert counts.elb_codes == {502: 1, 460: 1, 404: 1}
    assert counts.bytes_processed == 60
    assert (of_group.requests, of_group.codes, of_group.connection_errors) == (3, {2: 1}, 1)
    assert of_group.response_times == {250_000: 1}
    assert len(site.record.log) == 4


def test_a_request_that_was_refused_is_logged_too() -> None:
    site = Site(fakes.balancer(fakes.rule(0, fakes.FIXED)))
    exchange = fakes.exchange(method="-", target="-", router=site.router)
    exchange.elb_status = 400
    exchange.fault = Fault.BAD_REQUEST
    site.router.finished(exchange)
    assert ' 400 - 0 0 "- http://-:80- -"' in site.record.log[0]
    assert site.record.counts.elb_codes == {400: 1}
