import { z } from 'zod';

const advice = 'must be an http or https URL of a host and perhaps a port, such as https://s3.example.com';
const label = '[a-z0-9](?:[a-z0-9-]*[a-z0-9])?';
/** One label may be `{organization}`, and only the first: else the hosts of two organizations could not be told from others. */
const origin = new RegExp(
  `^https?://(?:\\{organization\\}\\.(?=[a-z0-9]))?(?:${label}(?:\\.${label})*|\\[[0-9a-f:.]+\\])(?::\\d{1,5})?$`,
);

/**
 * Where S3 clients find the installation: an origin, without a path, for what a client signs is the path that it sends. Its host may begin
 * with `{organization}.`, which stands for each organization's own label. One slash at the end is dropped.
 */
export function s3PublicUrl() {
  return z
    .string()
    .transform((text) => text.replace(/\/$/, '').toLowerCase())
    .refine((text) => origin.test(text) && URL.canParse(text.replace('{organization}', 'org')), advice);
}

/** The region that S3 signatures are for. */
export function s3Region() {
  return z.string().regex(/^[a-z0-9-]{1,64}$/, 'must be 1 to 64 lower-case letters, digits and "-", such as us-east-1');
}
