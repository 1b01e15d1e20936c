"""The CloudWatch agent: a program that runs on a machine and reports its log files and measurements to AWS.

It is a client like any other. It speaks the plain AWS API through botocore (``AWS_ENDPOINT_URL`` or
``endpoint_override`` say where), knows nothing of the cloud in this package, and so works against AWS as well. Its time
is the host's: it reads the files of a machine, whose lines carry the machine's time.

``config`` turns documents into plans (pure), ``logs`` ships files, ``metrics`` samples and publishes, ``control`` and
``daemon`` are what ``amazon-cloudwatch-agent-ctl`` does.
"""

VERSION = "1.300000.0-cloudarium"
