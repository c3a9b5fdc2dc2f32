# One image for every app. `portcullis up` is for one machine without containers; here each app is its own container.
# To pin the base to the byte, build with --build-arg NODE_IMAGE=node:20-bookworm-slim@sha256:<digest of your registry>.
ARG NODE_IMAGE=node:20.20.2-bookworm-slim

# Manifests alone: as long as they stay the same, so do the layers with everything that npm installs.
FROM ${NODE_IMAGE} AS manifests
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY libs libs
COPY apps apps
RUN find libs apps -type f ! -name package.json ! -path 'apps/cli/bin/*' -delete \
 && find libs apps -type d -empty -delete

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY --from=manifests /app ./
# No embedded Postgres in a container, so no install script is needed.
RUN npm ci --ignore-scripts
COPY . .
RUN npm run build \
 && find apps libs -type d -name src -prune -exec rm -rf {} + \
 && find apps libs -name '*.tsbuildinfo' -delete

FROM ${NODE_IMAGE} AS modules
WORKDIR /app
COPY --from=manifests /app ./
RUN npm ci --omit=dev --ignore-scripts && npm cache clean --force

FROM ${NODE_IMAGE}
ENV NODE_ENV=production
WORKDIR /app
COPY --from=modules /app/node_modules node_modules
COPY --from=build /app/package.json ./
COPY --from=build /app/apps apps
COPY --from=build /app/libs libs
COPY --from=build /app/config config
# A named volume takes the owner of the folder that it is first mounted over: these are for docker-compose.yml, so that
# nothing in it has to run as root.
RUN mkdir -p /secrets/gateway /secrets/identity /secrets/api-key /secrets/client-registry /secrets/audit \
      /secrets/guard /secrets/provision /secrets/postgres /secrets/nats /nats-data /spill \
 && chown -R node:node /secrets /nats-data /spill
USER node
EXPOSE 8080 9000
# The app is chosen by the command: apps/<name>/dist/main.js, or apps/cli/bin/portcullis.mjs with a command of its own.
# Run it with --init (compose: init: true): the first process of a container has to collect orphans.
ENTRYPOINT ["node", "--enable-source-maps"]
CMD ["apps/gateway/dist/main.js"]
