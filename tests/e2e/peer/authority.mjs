// A certificate authority for one run of the test, and a certificate of it for localhost.

import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

const openssl = (...args) => execFileSync("openssl", args, { stdio: ["ignore", "ignore", "pipe"] });
const newKey = (file) => ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", file];

/// The files in `folder`: whom to trust, and what to show for oneself.
export function authority(folder) {
  const file = (name) => join(folder, name);
  const files = { ca: file("ca.pem"), cert: file("cert.pem"), key: file("key.pem") };
  openssl("req", "-x509", ...newKey(file("ca-key.pem")), "-out", files.ca, "-days", "2", "-subj", "/CN=test authority");
  openssl("req", ...newKey(files.key), "-out", file("request.pem"), "-subj", "/CN=localhost");
  writeFileSync(file("extensions"), "subjectAltName=DNS:localhost,IP:127.0.0.1\n");
  const signer = ["-CA", files.ca, "-CAkey", file("ca-key.pem"), "-CAcreateserial", "-days", "2"];
  openssl("x509", "-req", "-in", file("request.pem"), ...signer, "-out", files.cert, "-extfile", file("extensions"));
  return files;
}
