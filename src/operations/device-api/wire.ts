import * as z from 'zod/mini'

/** Who changed a device, and when. */
const deviceChangeMeta = z.object({
  'created-at': z.string(),
  'created-by': z.string(),
  'updated-at': z.string(),
  'updated-by': z.string(),
})

/** A device. What only a device gateway knows, such as its Target, is empty. */
export const wireDevice = z.object({
  uuid: z.string(),
  name: z.string(),
  owner: z.string(),
  factory: z.string(),
  'device-group': z.string(),
  group: z.nullable(z.object({ name: z.string() })),
  'created-at': z.string(),
  'last-seen': z.string(),
  'ostree-hash': z.string(),
  'target-name': z.string(),
  status: z.string(),
  'current-update': z.string(),
  'up-to-date': z.boolean(),
  'is-prod': z.boolean(),
  'is-wave': z.boolean(),
  'public-key': z.string(),
  'change-meta': deviceChangeMeta,
})

/** A page of devices. */
export const wireDeviceList = z.object({ devices: z.array(wireDevice), total: z.int(), next: z.nullable(z.string()) })

/** Longer names do not fit into the path of a request. */
export const MAX_NAME = 100

const MAX_CERTIFICATE = 16 * 1024
const MAX_GROUP = 256

/** The body of PUT devices; unknown members are dropped. */
export const wireNewDevice = z.object({
  'client.pem': z.string().check(z.minLength(1), z.maxLength(MAX_CERTIFICATE)),
  name: z.nullish(z.string().check(z.maxLength(MAX_NAME))),
  group: z.nullish(z.string().check(z.maxLength(MAX_GROUP))),
})

/** The body of PATCH of a device. */
export const wireDeviceChange = z.strictObject({ name: z.string().check(z.minLength(1), z.maxLength(MAX_NAME)) })

/** See {@link wireDevice}. */
export type WireDevice = z.infer<typeof wireDevice>
