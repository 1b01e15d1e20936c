// A CDK app: two stacks of services that moto answers, one read by the other, and a network, which is ours.
'use strict';
const cdk = require('aws-cdk-lib');
const ec2 = require('aws-cdk-lib/aws-ec2');
const sns = require('aws-cdk-lib/aws-sns');
const sqs = require('aws-cdk-lib/aws-sqs');

const app = new cdk.App({ outdir: process.argv[2] });
const first = new cdk.Stack(app, 'First');
const queue = new sqs.Queue(first, 'Queue', { queueName: 'made-by-cdk', visibilityTimeout: cdk.Duration.seconds(Number(process.argv[3])) });
new cdk.CfnOutput(first, 'Url', { value: queue.queueUrl });
new sns.Topic(new cdk.Stack(app, 'Second'), 'Topic', { displayName: queue.queueName });
new ec2.Vpc(new cdk.Stack(app, 'Network'), 'Vpc', { maxAzs: 2, natGateways: 0 });
app.synth();
