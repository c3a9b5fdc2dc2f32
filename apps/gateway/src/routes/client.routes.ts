import { ClientRegistry, Refusal, type ResolvedClient } from '@portcullis/contracts';
import {
  ContentDigest,
  ContentDigestError,
  explainSignature,
  originOf,
  publicKeyFromSpki,
  PublicKeyRefused,
  readPublicKey,
  type SignatureExplanation,
} from '@portcullis/credentials';
import { z } from 'zod';
import { clientIdForm } from '../judge/client-keys.js';
import { httpInputOf, readInput } from './http-input.js';
import { type ControlRoute, operationRoute, ownRoute, type RouteParts } from './route.js';

const tag = 'Clients';

const DescribedRequest = z.strictObject({
  method: z.string().min(1, 'must be the method').max(32),
  /** That it was sent to, or the request target alone. */
  url: z.string().min(1, 'must be the URL').max(8192),
  headers: z.record(z.string().max(128), z.union([z.string().max(8192), z.array(z.string().max(8192)).max(20)])),
  /** As Content-Digest writes it, `sha-256=:…:`; left out where there was no body. */
  body_digest: z.string().max(512).nullable().optional(),
  /** What the signer signed, to be compared line by line. */
  base: z.string().max(65_536).optional(),
});

const ExplainedSignature = z.object({
  valid: z.boolean(),
  label: z.string().nullable(),
  keyid: z.string().nullable(),
  /** What a gateway takes the signature to be over; null where the headers do not say. */
  base: z.string().nullable(),
  /** The first component that differs, is missing or is not acceptable; null where nothing is wrong. */
  component: z.string().nullable(),
  problems: z.array(z.object({ code: z.string(), component: z.string().nullable(), message: z.string() })),
});

/** A private key that was pasted goes no further than this process; the registry looks at what is left again. */
function withPublicKey<Body extends { public_key: string }>(body: Body): Body {
  try {
    readPublicKey(body.public_key);
    return body;
  } catch (error) {
    if (!(error instanceof PublicKeyRefused)) throw error;
    const errors = [{ field: 'public_key', message: error.message }];
    throw new Refusal('unprocessable', error.message, { errors });
  }
}

const described = httpInputOf(DescribedRequest, 'POST', '/v1/clients/verify-signature');

export const clientRoutes: readonly ControlRoute[] = [
  operationRoute({
    method: 'POST',
    path: '/v1/clients',
    tag,
    summary: 'Register a machine client by its public key; it signs its requests',
    operation: ClientRegistry.create,
    body: ClientRegistry.create.request,
    request: withPublicKey,
    status: 201,
    example: {
      name: 'SISU production',
      public_key: '-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA…\n-----END PUBLIC KEY-----\n',
      networks: ['198.51.100.0/24'],
      roles: ['layer1:role:payment:viewer'],
    },
  }),
  operationRoute({
    method: 'GET',
    path: '/v1/clients',
    tag,
    summary: 'The machine clients of your organization, newest first',
    operation: ClientRegistry.list,
  }),
  operationRoute({
    method: 'GET',
    path: '/v1/clients/:id',
    tag,
    summary: 'One client',
    operation: ClientRegistry.read,
  }),
  operationRoute({
    method: 'PATCH',
    path: '/v1/clients/:id',
    tag,
    summary: 'Edit a client; with the receipt where gateways judge by what has changed',
    operation: ClientRegistry.update,
    example: { networks: ['198.51.100.7/32'] },
  }),
  operationRoute({
    method: 'DELETE',
    path: '/v1/clients/:id',
    tag,
    summary: 'End a client for good; answers when every gateway refuses it, with the receipt',
    operation: ClientRegistry.revoke,
  }),
  ownRoute({
    method: 'POST',
    path: '/v1/clients/verify-signature',
    tag,
    summary: 'Why a signature is refused: the first component that differs, and the base that a gateway makes',
    access: { public: false, permission: ClientRegistry.read.permission },
    input: described,
    reply: ExplainedSignature,
    example: {
      method: 'POST',
      url: '/v1/payments',
      headers: {
        'Content-Digest': 'sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:',
        'Signature-Input':
          'sig=("@method" "@target-uri" "content-digest");created=1764331200;keyid="9f1b2c3d-…";alg="ed25519"',
        Signature: 'sig=:…:',
      },
      body_digest: 'sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:',
    },
    answer: async (call, parts) => {
      const body = readInput(described, { path: call.path, query: call.query, body: await call.body() });
      const explained = await explain(DescribedRequest.parse(body), call.principal?.organization_id ?? null, parts);
      return { status: 200, body: explained };
    },
  }),
  operationRoute({
    method: 'POST',
    path: '/v1/clients/:id/rotate',
    tag,
    summary: 'Another public key; the old one is good for the overlap',
    operation: ClientRegistry.rotate,
    body: ClientRegistry.rotate.request,
    request: withPublicKey,
    example: {
      public_key: '-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA…\n-----END PUBLIC KEY-----\n',
      overlap_seconds: 3600,
    },
  }),
  operationRoute({
    method: 'POST',
    path: '/v1/clients/:id/enable',
    tag,
    summary: 'Let a disabled client work again; answers when every gateway accepts it',
    operation: ClientRegistry.enable,
  }),
  operationRoute({
    method: 'POST',
    path: '/v1/clients/:id/disable',
    tag,
    summary: 'Stop a client; answers when every gateway refuses it, with the receipt',
    operation: ClientRegistry.disable,
  }),
];

/** It takes no private key, claims nothing and grants nothing: whoever may see the organization's clients learns what a gateway makes of a request. */
async function explain(
  request: z.output<typeof DescribedRequest>,
  organizationId: string | null,
  parts: RouteParts,
): Promise<z.input<typeof ExplainedSignature>> {
  const clients = new Map<string, ResolvedClient | undefined>();
  const clientOf = async (keyid: string): Promise<ResolvedClient | undefined> => {
    if (clients.has(keyid) || !clientIdForm.test(keyid)) return clients.get(keyid);
    const found = await parts.clientByClientId(keyid);
    // Another organization's is as good as none.
    const known = found?.organization_id === organizationId ? found : undefined;
    clients.set(keyid, known);
    return known;
  };
  const { method, url, headers } = request;
  const bodyDigest = digestOf(request.body_digest ?? null);
  // While one key replaces another either may have signed: the one that it fits best tells.
  let best: SignatureExplanation | undefined;
  for (let nth = 0, keys = 1; nth < keys; nth++) {
    const explained = await explainSignature(
      { method, url, headers, bodyDigest },
      {
        origin: originOf(parts.publicUrl),
        now: new Date(),
        keyOf: async (keyid) => {
          const client = await clientOf(keyid);
          keys = Math.max(keys, client?.keys.length ?? 0);
          const key = client?.keys[nth] ?? client?.keys[0];
          return key && publicKeyFromSpki(Buffer.from(key.spki, 'base64'));
        },
      },
    );
    if (!best || saysMore(explained, best)) best = explained;
  }
  if (!best) throw new Error('a signature is explained at least once');
  const { label, keyid, base } = best;
  const client = keyid === null ? undefined : clients.get(keyid);
  const problems = [
    ...(request.base === undefined || base === null ? [] : differences(request.base, base)),
    ...best.problems,
    ...(client && client.status !== 'active'
      ? [{ code: `client_${client.status}`, component: null, message: `The client is ${client.status}.` }]
      : []),
  ];
  const component = problems.find((problem) => problem.component !== null)?.component ?? null;
  return { valid: problems.length === 0, label, keyid, base, component, problems };
}

/** Fewer problems; of as many, what is wrong with the signature rather than that it is of another kind than this key. */
function saysMore({ problems }: SignatureExplanation, { problems: before }: SignatureExplanation): boolean {
  const isOfAnotherKind = (one: typeof problems) => one.some(({ code }) => code === 'wrong_algorithm');
  if (problems.length !== before.length) return problems.length < before.length;
  return isOfAnotherKind(before) && !isOfAnotherKind(problems);
}

function digestOf(text: string | null): ContentDigest | null {
  if (text === null) return null;
  try {
    const digest = ContentDigest.read([text]);
    if (digest) return digest;
  } catch (error) {
    if (!(error instanceof ContentDigestError)) throw error;
  }
  const message = 'must be what Content-Digest says of the body that was sent: sha-256=:…: or sha-512=:…:';
  throw new Refusal('invalid_request', `body_digest ${message}.`, { errors: [{ field: 'body_digest', message }] });
}

/** The first line in which the signer's base is another than ours. */
function differences(theirs: string, ours: string): z.input<typeof ExplainedSignature>['problems'] {
  const [left, right] = [theirs.split('\n'), ours.split('\n')];
  const at = right.findIndex((line, index) => line !== left[index]);
  if (at < 0 && left.length === right.length) return [];
  const line = right[at];
  const component = line === undefined ? null : (/^"([^"]+)"/.exec(line)?.[1] ?? null);
  const message =
    line === undefined
      ? 'The base that was signed goes on behind its last line.'
      : `Line ${at + 1} of the base that was signed differs. Here it is: ${line}`;
  return [{ code: 'base_differs', component, message }];
}
