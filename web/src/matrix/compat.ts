/** What the SDK takes for granted and browsers of 2023 lack. Imported before it. */

if (!("withResolvers" in Promise)) {
  Object.assign(Promise, {
    withResolvers<T>() {
      let resolve: (value: T | PromiseLike<T>) => void = () => {};
      let reject: (cause?: unknown) => void = () => {};
      const promise = new Promise<T>((yes, no) => ([resolve, reject] = [yes, no]));
      return { promise, resolve, reject };
    },
  });
}

export {};
