import { constants } from 'node:os';
import koffi from 'koffi';

/**
 * The few system calls that Node has no function for, through the C library. Everything here is synchronous and blocks
 * the calling thread for as long as the kernel takes. The C library is loaded at the first call, so that importing this
 * package works on systems where it does not exist.
 */
export class SystemCallError extends Error {
  override readonly name = 'SystemCallError';
  /** The kernel's name for the failure, such as `EPERM`; the form Node's own errors use. */
  readonly code: string;
  readonly syscall: string;

  constructor(syscall: string, errno: number, subject: string) {
    const code = errnoName(errno);
    super(`${syscall} failed with ${code}: ${subject}`);
    this.code = code;
    this.syscall = syscall;
  }
}

// Where one number has two names, the first is the usual one: EAGAIN, and not EWOULDBLOCK.
const ERRNO_NAMES = new Map(
  Object.entries(constants.errno)
    .toReversed()
    .map(([name, value]) => [value, name]),
);
export const errnoName = (errno: number): string => ERRNO_NAMES.get(errno) ?? `errno ${errno}`;

/** The functions of the C library as declared below. `-1` means that `errno()` tells why. */
interface CLibrary {
  mount(source: string | null, target: string, type: string | null, flags: number, data: string | null): number;
  /** `mount` and `umount2` on another thread. */
  mountAside(...call: Parameters<CLibrary['mount']>): Promise<CallResult>;
  umount2Aside(target: string, flags: number): Promise<CallResult>;
  umount2(target: string, flags: number): number;
  statx(dirFd: number, path: string, flags: number, mask: number, buffer: Uint8Array): number;
  setns(fd: number, type: number): number;
  ioctlPointer(fd: number, request: number, argument: Uint8Array): number;
  ppoll(fds: Uint8Array, count: number, timespec: Uint8Array, signalMask: null): number;
  fcntl(fd: number, command: number, argument: number): number;
  fcntlPointer(fd: number, command: number, argument: Uint8Array): number;
  tcgetattr(fd: number, termios: Uint8Array): number;
  tcsetattr(fd: number, when: number, termios: Uint8Array): number;
  cfmakeraw(termios: Uint8Array): void;
  pipe2(ends: Int32Array, flags: number): number;
  lseek(fd: number, offset: number, whence: number): number;
  read(fd: number, buffer: Uint8Array, length: number): number;
  write(fd: number, buffer: Uint8Array, length: number): number;
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: Uint8Array, length: number): number;
  connect(fd: number, address: Uint8Array, length: number): number;
  listen(fd: number, backlog: number): number;
  accept4(fd: number, address: null, length: null, flags: number): number;
  recvmsg(fd: number, message: ReceivedMessage, flags: number): number;
  memfd_create(name: string, flags: number): number;
  waitpid(pid: number, status: Int32Array, options: number): number;
  // These give the error itself, and 0 for none.
  posix_spawn_file_actions_init(actions: Uint8Array): number;
  posix_spawn_file_actions_adddup2(actions: Uint8Array, fd: number, target: number): number;
  posix_spawn_file_actions_addchdir_np(actions: Uint8Array, path: string): number;
  posix_spawn_file_actions_destroy(actions: Uint8Array): number;
  posix_spawnattr_init(attributes: Uint8Array): number;
  posix_spawnattr_setsigdefault(attributes: Uint8Array, signals: Uint8Array): number;
  posix_spawnattr_setsigmask(attributes: Uint8Array, signals: Uint8Array): number;
  posix_spawnattr_setflags(attributes: Uint8Array, flags: number): number;
  posix_spawnattr_destroy(attributes: Uint8Array): number;
  /** Lists end with null. */
  posix_spawnp(
    pid: Int32Array,
    program: string,
    actions: Uint8Array,
    attributes: Uint8Array,
    argv: readonly (string | null)[],
    env: readonly (string | null)[],
  ): number;
  /** The raw entry; arguments in pairs of type and value. */
  syscall(number: number, ...typedArguments: unknown[]): number;
}

/** How a call on another thread ended. */
export interface CallResult {
  /** `-1` means that `errno` tells why. */
  readonly result: number;
  readonly errno: number;
}

/** What `recvmsg` fills: buffers for data and for control messages. */
interface ReceivedMessage {
  readonly iov: readonly { readonly base: Uint8Array; readonly length: number }[];
  readonly iovCount: number;
  readonly control: Uint8Array;
  readonly controlLength: number;
  readonly name: null;
  readonly nameLength: 0;
  readonly flags: 0;
}

/** `struct msghdr`. */
function messageHeader() {
  const part = koffi.struct({ base: 'void *', length: 'size_t' });
  return koffi.struct({
    name: 'void *',
    nameLength: 'uint',
    iov: koffi.pointer(part),
    iovCount: 'size_t',
    control: 'void *',
    controlLength: 'size_t',
    flags: 'int',
  });
}

function loadCLibrary(): CLibrary {
  const library = koffi.load('libc.so.6');
  const pointerIoctl = library.func('int ioctl(int fd, unsigned long request, void *argument)');
  const variadicFcntl = library.func('int fcntl(int fd, int command, ...)');
  // koffi's functions are untyped; CLibrary repeats the C prototypes, which is what makes these assertions true.
  const mount = library.func(
    'int mount(const char *source, const char *target, const char *type, ulong flags, const char *data)',
  );
  const umount2 = library.func('int umount2(const char *target, int flags)');
  return {
    ...{ mount, umount2 },
    mountAside: (...call) => aside(mount, call),
    umount2Aside: (...call) => aside(umount2, call),
    statx: library.func('int statx(int fd, const char *path, int flags, uint mask, void *buffer)'),
    setns: library.func('int setns(int fd, int type)'),
    ioctlPointer: (fd, request, argument) => pointerIoctl(fd, request, argument),
    ppoll: library.func('int ppoll(void *fds, ulong count, const void *timeout, const void *signals)'),
    fcntl: (fd, command, argument) => variadicFcntl(fd, command, 'int', argument),
    fcntlPointer: (fd, command, argument) => variadicFcntl(fd, command, 'void *', argument),
    tcgetattr: library.func('int tcgetattr(int fd, void *termios)'),
    tcsetattr: library.func('int tcsetattr(int fd, int when, const void *termios)'),
    cfmakeraw: library.func('void cfmakeraw(void *termios)'),
    pipe2: library.func('int pipe2(void *ends, int flags)'),
    lseek: library.func('long lseek(int fd, long offset, int whence)'),
    read: library.func('long read(int fd, void *buffer, size_t length)'),
    write: library.func('long write(int fd, const void *buffer, size_t length)'),
    socket: library.func('int socket(int domain, int type, int protocol)'),
    bind: library.func('int bind(int fd, const void *address, uint length)'),
    connect: library.func('int connect(int fd, const void *address, uint length)'),
    listen: library.func('int listen(int fd, int backlog)'),
    accept4: library.func('int accept4(int fd, void *address, void *length, int flags)'),
    recvmsg: library.func('recvmsg', 'long', ['int', koffi.pointer(messageHeader()), 'int']),
    ...processFunctions(library),
    syscall: library.func('long syscall(long number, ...)'),
  };
}

/** Those by which programs are started and collected. */
const processFunctions = (library: ReturnType<typeof koffi.load>) => ({
  memfd_create: library.func('int memfd_create(const char *name, uint flags)'),
  waitpid: library.func('int waitpid(int pid, void *status, int options)'),
  posix_spawn_file_actions_init: library.func('int posix_spawn_file_actions_init(void *actions)'),
  posix_spawn_file_actions_adddup2: library.func('int posix_spawn_file_actions_adddup2(void *actions, int fd, int to)'),
  posix_spawn_file_actions_addchdir_np: library.func(
    'int posix_spawn_file_actions_addchdir_np(void *actions, const char *path)',
  ),
  posix_spawn_file_actions_destroy: library.func('int posix_spawn_file_actions_destroy(void *actions)'),
  posix_spawnattr_init: library.func('int posix_spawnattr_init(void *attributes)'),
  posix_spawnattr_setsigdefault: library.func(
    'int posix_spawnattr_setsigdefault(void *attributes, const void *signals)',
  ),
  posix_spawnattr_setsigmask: library.func('int posix_spawnattr_setsigmask(void *attributes, const void *signals)'),
  posix_spawnattr_setflags: library.func('int posix_spawnattr_setflags(void *attributes, short flags)'),
  posix_spawnattr_destroy: library.func('int posix_spawnattr_destroy(void *attributes)'),
  posix_spawnp: library.func(
    'int posix_spawnp(void *pid, const char *program, const void *actions, const void *attributes, const char **argv, const char **env)',
  ),
});

/** What koffi makes of a C function; untyped, as above. */
interface AsyncFunction {
  readonly async: (...words: unknown[]) => void;
}

/** koffi gives errno of the call's own thread while it tells of its end. */
function aside(call: AsyncFunction, words: readonly unknown[]): Promise<CallResult> {
  const { promise, resolve, reject } = Promise.withResolvers<CallResult>();
  const ended = (error: unknown, result: number) =>
    error === null ? resolve({ result, errno: koffi.errno() }) : reject(error);
  call.async(...words, ended);
  return promise;
}

const once = <T>(make: () => T): (() => T) => {
  let value: T | undefined;
  return () => {
    value ??= make();
    return value;
  };
};

/** The C library of this process. */
export const cLibrary = once(loadCLibrary);

/** Why the last call on this thread failed. Valid only directly after it. */
export const errno = (): number => koffi.errno();

/** Throws SystemCallError when `result` says that `syscall` failed; `subject` names what it was about. */
export function check(result: number, syscall: string, subject: string): number {
  if (Number(result) < 0) throw new SystemCallError(syscall, errno(), subject);
  return Number(result);
}

const AT_FDCWD = -100;
const AT_EMPTY_PATH = 0x1000;

// The numbers of system calls added since 2019 are the same on every architecture.
const SYS_OPEN_TREE = 428;
const SYS_MOVE_MOUNT = 429;
const SYS_MOUNT_SETATTR = 442;

const OPEN_TREE_CLONE = 1;
const OPEN_TREE_CLOEXEC = 0o2000000;
const MOVE_MOUNT_F_EMPTY_PATH = 4;

/** A detached clone of the mount at `path` as a descriptor; the caller closes it. */
export function openTreeClone(path: string): number {
  const flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;
  return check(cLibrary().syscall(SYS_OPEN_TREE, 'int', AT_FDCWD, 'str', path, 'uint', flags), 'open_tree', path);
}

export interface MountAttributes {
  readonly set: bigint;
  readonly propagation?: bigint;
  /** User namespace whose map the mount shows ids by; together with MOUNT_ATTR_IDMAP in `set`. */
  readonly userNamespaceFd?: number;
}

/** mount_setattr(2) on a descriptor of `openTreeClone`. */
export function setMountAttributes(treeFd: number, attributes: MountAttributes, subject: string): void {
  const { set, propagation = 0n, userNamespaceFd = 0 } = attributes;
  const words = new BigUint64Array([set, 0n, propagation, BigInt(userNamespaceFd)]);
  const bytes = new Uint8Array(words.buffer);
  check(
    cLibrary().syscall(
      SYS_MOUNT_SETATTR,
      ...['int', treeFd, 'str', '', 'uint', AT_EMPTY_PATH, 'void *', bytes, 'size_t', bytes.length],
    ),
    'mount_setattr',
    subject,
  );
}

/** Attaches a detached tree at `target`. */
export function moveMount(treeFd: number, target: string): void {
  check(
    cLibrary().syscall(
      SYS_MOVE_MOUNT,
      ...['int', treeFd, 'str', '', 'int', AT_FDCWD, 'str', target, 'uint', MOVE_MOUNT_F_EMPTY_PATH],
    ),
    'move_mount',
    target,
  );
}
