// The JavaScript SDK v3 against a cloud: `node sdk.cjs PART` prints one JSON object, a step's result by its name.
'use strict';
const ec2 = require('@aws-sdk/client-ec2');
const elb = require('@aws-sdk/client-elastic-load-balancing-v2');
const ecs = require('@aws-sdk/client-ecs');
const cw = require('@aws-sdk/client-cloudwatch');
const logs = require('@aws-sdk/client-cloudwatch-logs');
const s3 = require('@aws-sdk/client-s3');
const lambda = require('@aws-sdk/client-lambda');
const { getSignedUrl } = require('@aws-sdk/s3-request-presigner');
const { Readable } = require('stream');

const results = {};
const spoken = {};

// A client with nothing set (endpoint, region and keys are in the environment) which notes how it speaks.
function client(kind, more = {}) {
  const made = new kind(more);
  made.middlewareStack.add((next) => async (args) => {
    const headers = args.request.headers;
    spoken[kind.name] = headers['smithy-protocol'] || (headers['content-type'] || '').split(';')[0];
    return next(args);
  }, { step: 'finalizeRequest', priority: 'low' });
  return made;
}

async function step(name, work) { results[name] = await work(); }

async function fails(name, work, kind) {
  try {
    await work();
    results[name] = 'answered';
  } catch (error) {
    const typed = kind === undefined || error instanceof kind;
    results[name] = [error.name, typed, error.$metadata?.httpStatusCode, error.$metadata?.attempts, Boolean(error.$metadata?.requestId)];
  }
}

async function protocols() {
  const network = client(ec2.EC2Client);
  const made = await network.send(new ec2.CreateVpcCommand({ CidrBlock: '10.7.0.0/16', TagSpecifications: [{ ResourceType: 'vpc', Tags: [{ Key: 'Name', Value: 'js' }] }] }));
  for (const n of [1, 2, 3]) await network.send(new ec2.CreateSubnetCommand({ VpcId: made.Vpc.VpcId, CidrBlock: `10.7.${n}.0/24`, AvailabilityZone: `us-east-1${'abc'[n - 1]}` }));
  const filter = { Filters: [{ Name: 'vpc-id', Values: [made.Vpc.VpcId] }] };
  await step('vpc', async () => (await network.send(new ec2.DescribeVpcsCommand({ Filters: [{ Name: 'tag:Name', Values: ['js'] }] }))).Vpcs.map((v) => [v.CidrBlock, v.IsDefault]));
  await step('pages', async () => {
    const sizes = [];
    for await (const page of ec2.paginateDescribeSubnets({ client: network, pageSize: 5 }, filter)) sizes.push(page.Subnets.length);
    return sizes;
  });
  await fails('vpc range', () => network.send(new ec2.CreateVpcCommand({ CidrBlock: '10.0.0.0/8' })));
  await fails('dry run', () => network.send(new ec2.DescribeVpcsCommand({ DryRun: true })));

  const balancers = client(elb.ElasticLoadBalancingV2Client);
  const subnets = (await network.send(new ec2.DescribeSubnetsCommand(filter))).Subnets.map((s) => s.SubnetId);
  const balancer = (await balancers.send(new elb.CreateLoadBalancerCommand({ Name: 'js', Subnets: subnets, Scheme: 'internal' }))).LoadBalancers[0];
  await step('waiter', async () => (await elb.waitUntilLoadBalancerAvailable({ client: balancers, maxWaitTime: 30, minDelay: 1, maxDelay: 1 }, { Names: ['js'] })).state);
  await step('created', async () => balancer.CreatedTime instanceof Date);
  await fails('load balancer', () => balancers.send(new elb.DescribeLoadBalancersCommand({ Names: ['none'] })), elb.LoadBalancerNotFoundException);
  await balancers.send(new elb.DeleteLoadBalancerCommand({ LoadBalancerArn: balancer.LoadBalancerArn }));

  const clusters = client(ecs.ECSClient);
  await step('cluster', async () => (await clusters.send(new ecs.CreateClusterCommand({ clusterName: 'js' }))).cluster.status);
  await fails('services', () => clusters.send(new ecs.DescribeServicesCommand({ cluster: 'none', services: ['x'] })), ecs.ClusterNotFoundException);

  const metrics = client(cw.CloudWatchClient);
  const metric = { Namespace: 'js', MetricName: 'm' };
  await metrics.send(new cw.PutMetricDataCommand({ Namespace: 'js', MetricData: [{ MetricName: 'm', Values: [1, 2.5], Counts: [1, 2], Unit: 'Count' }] }));
  await step('metric', async () => {
    const now = Date.now();
    const asked = { StartTime: new Date(now - 3600e3), EndTime: new Date(now + 3600e3), MetricDataQueries: [{ Id: 'q', MetricStat: { Metric: metric, Period: 3600, Stat: 'Sum' } }] };
    return (await metrics.send(new cw.GetMetricDataCommand(asked))).MetricDataResults[0].Values;
  });
  await fails('alarm', () => metrics.send(new cw.SetAlarmStateCommand({ AlarmName: 'none', StateValue: 'OK', StateReason: 'x' })), cw.ResourceNotFound);
  await fails('statistics', () => metrics.send(new cw.GetMetricStatisticsCommand({ ...metric, StartTime: new Date(), EndTime: new Date(0), Period: 60, Statistics: ['Sum'] })), cw.InvalidParameterValueException);

  const functions = client(lambda.LambdaClient);
  await step('functions', async () => (await functions.send(new lambda.ListFunctionsCommand({}))).Functions);
  await fails('function', () => functions.send(new lambda.GetFunctionCommand({ FunctionName: 'none' })), lambda.ResourceNotFoundException);
}

async function tail() {
  // This SDK reads no setting for host prefixes from the environment.
  const writer = client(logs.CloudWatchLogsClient, { disableHostPrefix: true });
  await writer.send(new logs.CreateLogGroupCommand({ logGroupName: 'js' }));
  await fails('twice', () => writer.send(new logs.CreateLogGroupCommand({ logGroupName: 'js' })), logs.ResourceAlreadyExistsException);
  await writer.send(new logs.CreateLogStreamCommand({ logGroupName: 'js', logStreamName: 's' }));
  const group = (await writer.send(new logs.DescribeLogGroupsCommand({ logGroupNamePrefix: 'js' }))).logGroups[0];
  const stop = new AbortController();
  const live = await writer.send(new logs.StartLiveTailCommand({ logGroupIdentifiers: [group.logGroupArn] }), { abortSignal: stop.signal });
  const put = (message) => writer.send(new logs.PutLogEventsCommand({ logGroupName: 'js', logStreamName: 's', logEvents: [{ timestamp: Number(process.env.NOW_MS), message }] }));
  for await (const event of live.responseStream) {
    if (event.sessionStart) await put('live');
    const found = event.sessionUpdate?.sessionResults ?? [];
    if (found.length) { results.live = found.map((each) => each.message); break; }
  }
  stop.abort();
  await put('second');
  await step('pages', async () => {
    const sizes = [];
    for await (const page of logs.paginateFilterLogEvents({ client: writer, pageSize: 1 }, { logGroupName: 'js', startTime: 0 })) sizes.push(page.events.length);
    return sizes.reduce((a, b) => a + b, 0);
  });
}

async function objects() {
  const store = client(s3.S3Client);
  const Bucket = process.env.BUCKET;
  const text = async (Key) => (await store.send(new s3.GetObjectCommand({ Bucket, Key, ChecksumMode: 'ENABLED' }))).Body.transformToString();
  await store.send(new s3.CreateBucketCommand({ Bucket }));
  await step('checksum', async () => (await store.send(new s3.PutObjectCommand({ Bucket, Key: 'a b/ü', Body: 'hello' }))).ChecksumCRC32);
  await step('plain', () => text('a b/ü'));
  // A stream is sent aws-chunked, with its checksum in a trailer.
  await store.send(new s3.PutObjectCommand({ Bucket, Key: 'stream', Body: Readable.from([Buffer.alloc(70000, 'x'), Buffer.from('end')]), ContentLength: 70003, ChecksumAlgorithm: 'SHA256' }));
  await step('stream', async () => { const got = await text('stream'); return [got.length, got.slice(-4)]; });
  await step('keys', async () => (await store.send(new s3.ListObjectsV2Command({ Bucket }))).Contents.map((each) => each.Key));
  await fails('key', () => text('none'), s3.NoSuchKey);
  await fails('bucket', () => store.send(new s3.ListObjectsV2Command({ Bucket: `${Bucket}-none` })), s3.NoSuchBucket);
  await fails('head', () => store.send(new s3.HeadObjectCommand({ Bucket, Key: 'none' })), s3.NotFound);
  const put = await getSignedUrl(store, new s3.PutObjectCommand({ Bucket, Key: 'signed' }), { expiresIn: 60 });
  await step('presigned put', async () => (await fetch(put, { method: 'PUT', body: 'presigned' })).status);
  const get = await getSignedUrl(store, new s3.GetObjectCommand({ Bucket, Key: 'signed' }), { expiresIn: 60 });
  await step('presigned get', async () => (await fetch(get)).text());
}

({ protocols, tail, objects })[process.argv[2]]().then(() => console.log(JSON.stringify({ ...results, spoken })), (error) => {
  console.error(error, results);
  process.exit(1);
});
