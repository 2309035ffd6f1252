/**
 * How many times slower than an ordinary machine this one is, as whoever runs the tests says. `npm run test:vm` does, for
 * its machine is emulated; everywhere else it is 1, and the bounds hold as they are written.
 */
export const SLOWNESS = Number(process.env['PLANETLAB_TEST_SLOWNESS'] ?? '1');

/** The least part of a rate that has to come through: emulation puts pauses of its own between packets. */
export const LEAST_OF_RATE = SLOWNESS === 1 ? 0.9 : 0.8;

/** A wait or a bound, for the machine at hand. */
export const withSlowness = (milliseconds: number): number => milliseconds * SLOWNESS;
