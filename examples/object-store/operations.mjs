// Which operation a request asks for: by method, by what it is about, and by the subresource. What is not here is refused.
import * as buckets from './buckets.mjs';
import { S3Fault } from './faults.mjs';
import { listObjects, listObjectsV2, listUploads } from './listing.mjs';
import * as multipart from './multipart.mjs';
import * as objects from './objects.mjs';

const lifecycle = buckets.configuration('lifecycle', 'LifecycleConfiguration', 'NoSuchLifecycleConfiguration');
const cors = buckets.configuration('cors', 'CORSConfiguration', 'NoSuchCORSConfiguration');
const policy = buckets.configuration('policy', null, 'NoSuchBucketPolicy');
const tagging = buckets.configuration('tagging', 'Tagging', 'NoSuchTagSet');

const listed = ['prefix', 'delimiter', 'max-keys', 'encoding-type'];
const shown = ['type', 'language', 'disposition', 'encoding'].map((name) => `response-content-${name}`);
const read = [...shown, 'response-cache-control', 'response-expires', 'versionId'];

/** `method resource subresources` → what does it, and the query parameters that it knows. */
const operations = {
  'GET service': [buckets.listBuckets, []],
  'PUT bucket': [buckets.createBucket, []],
  'DELETE bucket': [buckets.deleteBucket, []],
  'HEAD bucket': [buckets.headBucket, []],
  'GET bucket': [listObjects, [...listed, 'marker']],
  'GET bucket list-type': [listObjectsV2, [...listed, 'continuation-token', 'start-after', 'fetch-owner']],
  'GET bucket uploads': [listUploads, [...listed, 'max-uploads', 'key-marker', 'upload-id-marker']],
  'POST bucket delete': [objects.deleteObjects, []],
  'GET bucket location': [buckets.getLocation, []],
  'GET bucket acl': [buckets.getAcl, []],
  'PUT bucket acl': [buckets.putAcl, []],
  ...kept('lifecycle', lifecycle),
  ...kept('cors', cors),
  ...kept('policy', policy),
  ...kept('tagging', tagging),
  'GET bucket versioning': [buckets.nothingOf('VersioningConfiguration'), []],
  'GET bucket logging': [buckets.nothingOf('BucketLoggingStatus'), []],
  'GET bucket notification': [buckets.nothingOf('NotificationConfiguration'), []],
  'GET bucket requestPayment': [buckets.nothingOf('RequestPaymentConfiguration'), []],
  'GET bucket accelerate': [buckets.nothingOf('AccelerateConfiguration'), []],
  'GET bucket encryption': [buckets.missing('ServerSideEncryptionConfigurationNotFoundError'), []],
  'GET bucket website': [buckets.missing('NoSuchWebsiteConfiguration'), []],
  'GET bucket replication': [buckets.missing('ReplicationConfigurationNotFoundError'), []],
  'GET bucket object-lock': [buckets.missing('ObjectLockConfigurationNotFoundError'), []],
  'GET bucket ownershipControls': [buckets.missing('OwnershipControlsNotFoundError'), []],
  'GET bucket publicAccessBlock': [buckets.missing('NoSuchPublicAccessBlockConfiguration'), []],
  'GET bucket policyStatus': [buckets.missing('NoSuchBucketPolicy'), []],
  'PUT object': [objects.putObject, []],
  'PUT object copy': [objects.copyObject, []],
  'GET object': [objects.getObject, read],
  'HEAD object': [objects.getObject, read],
  'DELETE object': [objects.deleteObject, ['versionId']],
  'GET object acl': [buckets.getAcl, ['versionId']],
  'PUT object acl': [buckets.putAcl, ['versionId']],
  'GET object tagging': [objects.getObjectTagging, ['versionId']],
  'PUT object tagging': [objects.putObjectTagging, ['versionId']],
  'DELETE object tagging': [objects.deleteObjectTagging, ['versionId']],
  'POST object uploads': [multipart.createUpload, []],
  'PUT object uploadId': [multipart.uploadPart, ['partNumber']],
  'PUT object uploadId copy': [multipart.uploadPartCopy, ['partNumber']],
  'GET object uploadId': [multipart.listParts, ['max-parts', 'part-number-marker']],
  'POST object uploadId': [multipart.completeUpload, []],
  'DELETE object uploadId': [multipart.abortUpload, []],
};

function kept(name, { get, put, delete: remove }) {
  return {
    [`GET bucket ${name}`]: [get, []],
    [`PUT bucket ${name}`]: [put, []],
    [`DELETE bucket ${name}`]: [remove, []],
  };
}

const subresources = new Set(
  Object.keys(operations)
    .flatMap((name) => name.split(' ').slice(2))
    .filter((name) => name !== 'copy'),
);

/** The function that answers, or a fault. */
export function operationOf({ method, bucket, key, query, headers }) {
  const resource = bucket === '' ? 'service' : key === '' ? 'bucket' : 'object';
  const names = Object.keys(query);
  const copy = method === 'PUT' && resource === 'object' && headers['x-amz-copy-source'] !== undefined;
  const asked = [method, resource, ...names.filter((name) => subresources.has(name)).sort(), ...(copy ? ['copy'] : [])];
  const found = operations[asked.join(' ')];
  if (!found) throw new S3Fault('NotImplemented', `This store does not do ${asked.join(' ')}: it is for trying out.`);
  const [answer, parameters] = found;
  for (const name of names) {
    if (subresources.has(name) || name === 'x-id' || /^x-amz-/i.test(name)) continue;
    if (!parameters.includes(name))
      throw new S3Fault('NotImplemented', `This store does not know the parameter ${name}.`);
  }
  if (!['null', undefined].includes(query.versionId))
    throw new S3Fault('NotImplemented', 'This store keeps no versions.');
  for (const [name, value] of Object.entries(query))
    if (typeof value !== 'string') throw new S3Fault('InvalidArgument', `${name} was given more than once.`);
  return answer;
}
