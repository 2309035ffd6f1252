/**
 * The authority (PLC): sites, persons, nodes, slices, the uplinks of nodes, and the default broker, in one server.
 * It must not know how a node works inside (it speaks the contract with it) nor who starts it (apps/plc does).
 */
export { type BackupOptions, backupPlc } from './backup/backup.ts';
export { readPassphrase, readPrivateKey, readRecipient } from './backup/backup-key.ts';
export { type RestoreOptions, restorePlc } from './backup/restore.ts';
export type { Plc, PlcOptions } from './options.ts';
export { purgePlc } from './purge-plc.ts';
export { startPlc } from './start-plc.ts';
