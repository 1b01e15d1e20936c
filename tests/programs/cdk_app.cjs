// A CDK app, as people write them: two stacks of queues and topics, one read by the other, and a site: a network of
// two zones, containers behind a load balancer, an alarm on what they log.
// node cdk_app.cjs <folder to synthesize into> <visibility timeout of the queue> <colour of the site>
'use strict';
const cdk = require('aws-cdk-lib');
const cloudwatch = require('aws-cdk-lib/aws-cloudwatch');
const ec2 = require('aws-cdk-lib/aws-ec2');
const ecs = require('aws-cdk-lib/aws-ecs');
const patterns = require('aws-cdk-lib/aws-ecs-patterns');
const elb = require('aws-cdk-lib/aws-elasticloadbalancingv2');
const logs = require('aws-cdk-lib/aws-logs');
const s3 = require('aws-cdk-lib/aws-s3');
const sns = require('aws-cdk-lib/aws-sns');
const sqs = require('aws-cdk-lib/aws-sqs');
const subscriptions = require('aws-cdk-lib/aws-sns-subscriptions');

const [folder, seconds, colour] = process.argv.slice(2);
const app = new cdk.App({ outdir: folder });

const first = new cdk.Stack(app, 'First');
const queue = new sqs.Queue(first, 'Queue', {
  queueName: 'made-by-cdk',
  visibilityTimeout: cdk.Duration.seconds(Number(seconds)),
});
new cdk.CfnOutput(first, 'Url', { value: queue.queueUrl });

const second = new cdk.Stack(app, 'Second');
const topic = new sns.Topic(second, 'Topic', { displayName: queue.queueName });
topic.addSubscription(new subscriptions.SqsSubscription(new sqs.Queue(second, 'Letters')));
new s3.Bucket(second, 'Bucket', { versioned: true, removalPolicy: cdk.RemovalPolicy.DESTROY });

const site = new cdk.Stack(app, 'Site');
const vpc = new ec2.Vpc(site, 'Vpc', { maxAzs: 2, natGateways: 1 });
vpc.addGatewayEndpoint('S3', { service: ec2.GatewayVpcEndpointAwsService.S3 });
const group = new logs.LogGroup(site, 'Logs', { retention: logs.RetentionDays.ONE_WEEK, removalPolicy: cdk.RemovalPolicy.DESTROY });
const service = new patterns.ApplicationLoadBalancedFargateService(site, 'Service', {
  vpc,
  cpu: 256,
  memoryLimitMiB: 512,
  desiredCount: 2,
  minHealthyPercent: 100,
  openListener: true,
  taskImageOptions: {
    image: ecs.ContainerImage.fromRegistry('web'),
    containerPort: 8000,
    command: ['sh', '-c', `mkdir /site; echo ${colour} > /site/index.html; exec python3 -m http.server 8000 --directory /site`],
    logDriver: ecs.LogDrivers.awsLogs({ logGroup: group, streamPrefix: 'web' }),
  },
});
service.targetGroup.configureHealthCheck({ interval: cdk.Duration.seconds(5), timeout: cdk.Duration.seconds(2), healthyThresholdCount: 2 });
service.targetGroup.setAttribute('deregistration_delay.timeout_seconds', '1');
service.listener.addAction('Teapot', {
  priority: 10,
  conditions: [elb.ListenerCondition.pathPatterns(['/tea'])],
  action: elb.ListenerAction.fixedResponse(418, { contentType: 'text/plain', messageBody: 'short and stout' }),
});
const errors = group.addMetricFilter('Errors', {
  filterPattern: logs.FilterPattern.anyTerm('404'),
  metricName: 'NotFound',
  metricNamespace: 'Site',
  metricValue: '1',
  defaultValue: 0,
});
new cloudwatch.Alarm(site, 'TooMany', {
  metric: errors.metric({ statistic: 'Sum', period: cdk.Duration.minutes(1) }),
  threshold: 3,
  evaluationPeriods: 1,
  treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
});
new cloudwatch.Dashboard(site, 'Board', { widgets: [[new cloudwatch.GraphWidget({ left: [service.loadBalancer.metrics.requestCount()] })]] });

app.synth();
