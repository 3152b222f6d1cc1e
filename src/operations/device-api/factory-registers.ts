import type { DeviceRegister } from '../../devices/register.js'

/** The device registers of the factories that an API serves. */
export interface FactoryRegisters {
  /** The factories that have one, which may not exist yet, and their PKI directories. */
  readonly directories: readonly { readonly factory: string; readonly directory: string }[]
  /** null: the factory has none, or it does not exist yet. Throws as openDeviceRegister. */
  find(factory: string): Promise<DeviceRegister | null>
  /** As {@link FactoryRegisters.find}, and creates a register that does not exist yet. */
  create(factory: string): Promise<DeviceRegister | null>
  close(): Promise<void>
}

/** No factory has a device register. */
export const NO_REGISTERS: FactoryRegisters = {
  directories: [],
  find: async () => null,
  create: async () => null,
  close: async () => undefined,
}
