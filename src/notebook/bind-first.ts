/** What of zeromq's sockets a kernel uses before and while it listens. */
interface Bindable {
  bind(address: string): Promise<void>;
}

interface Receiver extends Bindable {
  receive(): Promise<unknown>;
}

type Constructor<T> = new (options?: Record<string, unknown>) => T;

/** The classes of zeromq that a kernel binds; only the last two receive. */
export interface BoundSockets {
  Publisher: Constructor<Bindable>;
  Router: Constructor<Receiver>;
  Reply: Constructor<Receiver>;
}

/**
 * Lets no socket receive before all sockets of the process are bound.
 *
 * A socket that is being bound can be neither read nor written to: zeromq answers EBUSY.
 * tslab begins to receive and then binds its five sockets at once, so a client that asks
 * as soon as one of them is there kills the loop that would have answered, for good:
 * either the read itself fails, or the answer goes to a socket that is not bound yet.
 */
export function bindFirst(zeromq: BoundSockets): void {
  let bound: Promise<unknown> = Promise.resolve();
  const afterBinding = (binding: Promise<void>): Promise<void> => {
    // A socket that can't be bound is tslab's to tell; here it is over.
    bound = Promise.allSettled([bound, binding]);
    return binding;
  };
  const allBound = async (): Promise<void> => {
    // Binds that begin during the wait count too: the first wait is the one for the first of them.
    for (let seen: Promise<unknown> | null = null; seen !== bound; ) {
      seen = bound;
      await seen;
    }
  };
  zeromq.Publisher = class extends zeromq.Publisher {
    override bind(address: string): Promise<void> {
      return afterBinding(super.bind(address));
    }
  };
  for (const name of ["Router", "Reply"] as const)
    zeromq[name] = class extends zeromq[name] {
      override bind(address: string): Promise<void> {
        return afterBinding(super.bind(address));
      }
      override async receive(): Promise<unknown> {
        await allBound();
        return super.receive();
      }
    };
}
