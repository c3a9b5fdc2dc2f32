/**
 * The release that is downloaded where nothing else gives a nats-server, and the SHA-256 of each archive. To move on,
 * change the version and copy the digests of the release's SHA256SUMS; a platform without a digest is not downloaded.
 */
export const natsRelease = {
  version: '2.14.5',
  baseUrl: 'https://github.com/nats-io/nats-server/releases/download',
  sha256: {
    'linux-amd64': '5e3b603d47c447bda1f77f9ac16dbf91c90aac4ff3681f8fbbc7201e4ed99355',
    'linux-arm64': '673a98d3faa79dde3f9ebf16d6dfac36a5f694e7ad2015e4954dd7939c85cd4c',
    'darwin-amd64': 'f95c98d6b6ed2b63c5681b46b092c9585c99767d547cf495730c329234625e96',
    'darwin-arm64': 'ddd907854d9a2de834af133fa396915fe6442fe6d8909ae31390d1ea7a0fea50',
  } as Readonly<Record<string, string>>,
};

export type NatsRelease = typeof natsRelease;
