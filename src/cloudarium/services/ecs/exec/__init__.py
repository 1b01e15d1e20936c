"""ECS Exec: a command in a running container, reached through the protocol of Session Manager.

``ExecuteCommand`` answers with a stream address and a token. The client (AWS's session-manager-plugin, or ``cloudarium
exec``) opens a websocket there, shows the token, and from then on both sides exchange binary messages: `messages` has
their form, `channel` what makes them arrive once and in order, `handshake` how a session begins, `sessions` connects a
channel to a process in the container, `client` is the other end of it all.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html
"""
