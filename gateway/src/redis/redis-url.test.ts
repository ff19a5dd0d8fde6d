import { expect, test } from "vitest";
import { parseRedisUrl, RedisUrlError } from "./redis-url.ts";

test.for([
  { url: "redis://cache", address: { host: "cache", port: 6379, db: 0 } },
  { url: " redis://:p%40ss%2F@cache:6380/2\n", address: { host: "cache", port: 6380, db: 2, password: "p@ss/" } },
  {
    url: "rediss://app:secret@redis.example.com",
    address: {
      host: "redis.example.com",
      port: 6379,
      db: 0,
      username: "app",
      password: "secret",
      tls: { servername: "redis.example.com" },
    },
  },
  { url: "redis://:new@cache#2", address: { host: "cache", port: 6379, db: 0, password: "new", version: "2" } },
  { url: "rediss://[::1]:7000/", address: { host: "::1", port: 7000, db: 0, tls: {} } },
])("[BR14] $url is understood", ({ url, address }) => {
  expect(parseRedisUrl(url)).toEqual(address);
});

test.for([
  { url: "", must: /must be redis/ },
  { url: "secret", must: /must be redis/ },
  { url: "http://secret@cache", must: /start with redis/ },
  { url: "redis:///0", must: /name a host/ },
  { url: "redis://cache/secret", must: /database number/ },
  { url: "redis://:secret%zz@cache", must: /percent-encoded/ },
])("[BR14] $url is refused without being repeated", ({ url, must }) => {
  const refusal = ((): unknown => {
    try {
      return parseRedisUrl(url);
    } catch (error) {
      return error;
    }
  })();
  expect(refusal).toBeInstanceOf(RedisUrlError);
  expect(String(refusal)).toMatch(must);
  expect(String(refusal)).not.toContain("secret");
});
