declare const brand: unique symbol;
/** Counts up; it names a device to its owner and opens nothing. */
export type DeviceId = number & { readonly [brand]: 'device' };
