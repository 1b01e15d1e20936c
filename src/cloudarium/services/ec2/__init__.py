"""EC2's network: VPCs and what is in them (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/).

Operations change records and nothing else; ``network.py`` says what network those records ask for, and the
controllers hand that to the fabric, which makes it. Without a fabric the API works all the same and no packet flows.
"""

from cloudarium.kernel.service import Service

SERVICE = Service("ec2", operations="cloudarium.services.ec2.operations", start="cloudarium.services.ec2.start:start")
