"""The HTTP engine: an Application Load Balancer's data plane, and the gateway's server. No AWS resources in here.

The proxy
    engine.ProxyEngine(loop, now)      one per process: `serve(listening socket, listener)`,
                                       `adopt(accepted socket, bytes read so far, listener=…)`, `drain(listener)`,
                                       `close()`
    engine.SharedPort(choose, hand_on) for `adopt`: each request's Host chooses the listener; a connection whose Host
                                       is nobody's goes to `hand_on(file descriptor, unread bytes)`
    routing.Listener(router, settings) where clients come in; assign `.router` and `.settings` to change them;
                                       `.counters` are plain integers
    routing.ListenerSettings           attributes that the engine itself acts on (times in seconds)
    routing.Router                     protocol: `route(exchange) -> Decision`, `finished(exchange)`; an immutable
                                       snapshot
    routing.Forward, Respond, Fail, Reset, Blackhole      the decisions
    upstream.Upstream(address, port, dial, key=…, protocol=…, owner=…)  a target: its pool and counters (`active` is the
                                       number of outstanding requests, for least-outstanding-requests); outlives routers
    exchange.Exchange                  the request (what routers decide on) and the finished record: times, sizes,
                                       statuses, classification, fault, trace id; `note` is the router's own
    faults.Fault                       every way in which an exchange can fail, with its status in STATUS_OF_FAULT
    desync.Tier, DesyncMode            request classification

The server (the gateway's)
    server.HttpServer(handler, now=…)  `serve`, `adopt`, and `divert` to hand a connection on
    server.Request, server.Response

Health checks
    probe.probe(socket, request, timeout) -> ProbeResult           one request over one connected socket

The pieces without I/O: syntax, fields, request_fields, heads, request_reader, framing, request_framing, chunked,
desync, inspection, forwarding, trace, answers, h2_guard. The seam between a client's side and a target's: streams.
Import from the modules; this package imports none of them, so that HTTP/2 costs nothing before it is spoken.
"""
