//! docs/cryptography.md: what is computed with keys, by what, from the tables of the crate `crypto`.

use crypto::{ALGORITHMS, ASYMMETRIC, AsymmetricUse, CIPHERS, CipherRow, HASHES, KeyClass, MACS, MacFunction, Streaming};

use super::support::spelled;

/// The parts of the page, each a heading with its text. A table of `crypto` that clients see is one of them.
const SECTIONS: &[fn() -> String] = &[keys, ciphers, pairs, pkcs1, post_quantum, macs, hashes, wrapping, derivation, splitting];

/// The page.
pub(crate) fn page() -> String {
    let sections: Vec<String> = SECTIONS.iter().map(|section| section()).collect();
    format!(
        "# Cryptography\n\n\
         Written by `cargo xtask docs` from the tables that the server works by; the tests fail while it is not current. Why each \
         crate is safe where it touches a secret stands beside its table in `crates/crypto/src`.\n\n\
         *NIST* says whether the algorithm is approved today for new data. No crate here is a validated module, and none of these rows \
         makes kmipd a FIPS 140-3 product.\n\n{}",
        sections.join("\n")
    )
}

fn keys() -> String {
    let lines = ALGORITHMS.iter().map(|row| {
        let class = match row.class {
            KeyClass::Symmetric => "one secret",
            KeyClass::Asymmetric => "pair",
        };
        [spelled(row.algorithm), class, &row.lengths.describe(), row.library.name()].map(str::to_owned).to_vec()
    });
    let table = table(&["algorithm", "key", "bits", "made by"], lines);
    format!(
        "## Keys\n\nWhat Create and Create Key Pair make. A key can be kept for a client without being of use here: the tables below say \
         what is computed. ML-KEM and ML-DSA have names from KMIP 3.0 on, so that clients of the versions offered keep such keys but make \
         none; their bits are those of the public key.\n\n{table}"
    )
}

fn ciphers() -> String {
    let lines = CIPHERS.iter().map(|row| {
        vec![
            spelled(row.algorithm).to_owned(),
            row.mode.map_or("-", spelled).to_owned(),
            row.key_bits.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
            paddings(row),
            if row.authenticated { "yes" } else { "-" }.to_owned(),
            match row.streaming {
                Streaming::Both => "as they come",
                Streaming::Encryption => "encrypted as they come, decrypted at the end",
                Streaming::Neither => "at the end",
            }
            .to_owned(),
            row.library.to_owned(),
            yes(row.approved),
        ]
    });
    let table = table(&["algorithm", "mode", "key bits", "paddings", "tag", "parts", "crates", "NIST"], lines);
    format!(
        "## Encrypt and Decrypt\n\nThe bits of a key are those that are stored: XTS has two keys in one, and 3DES counts its parity bits. \
         *Parts* are the data of a stream; plaintext that a tag authenticates is never given before the tag is seen to be right.\n\n{table}\n\
         What Cryptographic Parameters leave open:\n\n\
         - A block cipher needs a Block Cipher Mode. Without a Padding Method, ECB and CBC take whole blocks only.\n\
         - An IV is made here only where Random IV is True and the request has none, and is returned; of 96 bits in GCM, CCM and \
         ChaCha20, else of a block, unless IV Length says otherwise. Any other absent IV is refused.\n\
         - IVs made here are random; with GCM, one key should encrypt at most 2^32 messages with them (SP 800-38D), which Usage Limits can see \
         to.\n\
         - GCM takes IVs of any length, CCM of 7 to 13 bytes. XTS takes the number of the data unit, least byte first; one request is one \
         data unit. ChaCha20 takes 8 bytes (a counter of 64 bits, from its author's definition) or 12 (RFC 8439).\n\
         - CTR takes the whole first counter block, or what stands before the counter and an Initial Counter Value. Counter Length is 32, \
         64 or the whole block.\n\
         - Tag Length is 16 where it is absent, and a tag must have it. GCM has tags of 4, 8 and 12 to 16 bytes, CCM of 4 to 16 in steps \
         of two, ChaCha20-Poly1305 of 16.\n\
         - Zeros as padding takes every zero byte off the last block but its first: data that ends in zeros is not what it was.\n\n\
         Not offered: DES, Blowfish, CAST5, IDEA, RC2, RC4, RC5 and SKIPJACK (broken, or of blocks too small), PCBC and CBC-MAC (forgeable, \
         or without a specification to agree on), MARS and GOST 28147-89 (no maintained crate), Twofish, ARIA, SEED and SM4 (table look-ups, \
         and no profile of the standard asks for them).\n"
    )
}

fn wrapping() -> String {
    "## Key wrapping\n\nGet and Export wrap, Get, Export and Import unwrap. AES keys wrap as of RFC 3394 (NISTKeyWrap, which is also what is taken \
     where neither the request nor the key names a mode) and RFC 5649 (AESKeyWrapPadding), both by the crate aes-kw; keys of all ciphers above \
     in their modes, with an IV that is made here; RSA keys with OAEP, or PKCS#1 v1.5 on the way out alone. A MAC or signature is made \
     before or after the encryption, or alone. A key that wraps should do nothing else: who may Decrypt with it opens what it wrapped, and \
     who may Encrypt with it in a mode that counts does, too. TR-31 is not offered. What is registered wrapped stays as it is: it is unwrapped for a \
     request that wants it in clear or under another key, and the unwrapped key is not stored. Import with Not Wrapped is the exception, \
     since it asks for just that.\n"
        .to_owned()
}

fn derivation() -> String {
    let methods = [
        ["PBKDF2", "HMAC over any hash above, SHA-1 where none is named", "aws-lc-rs (SHA-1, SHA-256, SHA-384, SHA-512), Mac"],
        ["HASH", "any hash above", "as the hash"],
        ["HMAC", "the hash of the key, or of the request", "Mac"],
        ["ENCRYPT", "any cipher above; an IV of zeros where there is none", "as the cipher"],
        ["NIST800-108-C, -F, -DPI", "HMAC over any hash, or CMAC", "Mac"],
        ["Asymmetric Key", "ECDH, X25519", "as the keys"],
        ["AWS Signature Version 4", "HMAC-SHA-256", "Mac"],
        ["HKDF", "HMAC over any hash, SHA-256 where none is named", "Mac"],
    ];
    let lines = methods.map(|method| method.map(str::to_owned).to_vec());
    let table = table(&["method", "function", "computed by"], lines.into_iter());
    format!(
        "## Derive Key\n\n*Mac* is what computes MACs, as listed above. What is wanted is the beginning of what a method gives; more than there is \
         is refused. NIST800-108 puts a counter of 32 bits before the Derivation Data (Counter Length says otherwise) and the length of the \
         derived key, in 32 bits, behind it. ENCRYPT of a Secret Data object that is Sensitive or not Extractable is refused: the key would \
         open it again.\n\n{table}"
    )
}

fn splitting() -> String {
    "## Split keys\n\nCreate Split Key and Join Split Key do XOR, polynomials over GF(2^8) (with the polynomial 285 of the standard) and GF(2^16), \
     and over a prime field of up to 4,423 bits: 2 to 255 parts, at least two of which are needed. No table is read by a secret; the prime field \
     is the crate crypto-bigint. A client that names no prime gets a Mersenne prime that is large enough. GF(2^16) divides pieces of two bytes, \
     and the standard says nothing of a rest: secrets of an odd number of bytes are refused with it. What must not leave the server (Sensitive, \
     or not Extractable) is split if nothing but its mask limits its use, and its parts make a key for no more than it was for.\n"
        .to_owned()
}

fn paddings(row: &CipherRow) -> String {
    if row.paddings.is_empty() {
        return "-".to_owned();
    }
    row.paddings.iter().map(|padding| spelled(*padding)).collect::<Vec<_>>().join(", ")
}

fn pairs() -> String {
    let lines = ASYMMETRIC.iter().map(|row| {
        let usage = match row.usage {
            AsymmetricUse::Signature => "sign, verify",
            AsymmetricUse::Encryption => "encrypt, decrypt",
            AsymmetricUse::Agreement => "derive",
            AsymmetricUse::Encapsulation => "encapsulate",
        };
        vec![
            spelled(row.algorithm).to_owned(),
            row.curve.map_or("-", spelled).to_owned(),
            usage.to_owned(),
            row.padding.map_or("-", spelled).to_owned(),
            if row.any_hash { "any" } else { "-" }.to_owned(),
            row.library.to_owned(),
            yes(row.approved),
        ]
    });
    let table = table(&["algorithm", "curve", "use", "padding", "hash", "crates", "NIST"], lines);
    format!(
        "## Key pairs\n\nSign, Signature Verify, Encrypt and Decrypt, and the shared secrets of Derive Key. RSA keys of 1024 to 8192 bits \
         with public exponents of at most 33 bits are used; those below 2048 bits are for old clients and not approved. *Any* hash is one \
         of those under Hash below; with MD5 nothing new is signed.\n\n{table}\n\
         What Cryptographic Parameters leave open:\n\n\
         - The padding of RSA signatures is PKCS1 v1.5, that of RSA encryption OAEP. PKCS1 v1.5 is decrypted only where the configuration \
         allows it: that its padding was wrong helps an attacker, however it is told.\n\
         - The hash is SHA-256; of ECDSA on P-384 it is SHA-384, on P-521 SHA-512.\n\
         - OAEP has the label of P Source and the Mask Generator Hashing Algorithm SHA-1, as the standard says.\n\
         - PSS makes its mask with the hash itself and a salt as long as it, as the official cases and every other program have it; a \
         signature is verified with any length of salt, and with SHA-1 in the mask, too.\n\
         - Signatures of ECDSA are DER (X9.62). It takes Digested Data of 1 to 64 bytes, of which the leftmost bits count.\n\
         - Digested Data without a Hashing Algorithm that has not the 32 bytes of SHA-256 is signed with PKCS1 v1.5 as it is, without the name \
         of a hash. Ed25519 and ML-DSA do their own hashing: they sign Data, of which they keep all in memory until the end.\n\n\
         Keys on CURVE25519 of the algorithms EC and ECDH are X25519's; those of the algorithm Ed25519 are on it without saying so. Not \
         offered: Ed448 and X448 and SLH-DSA (no maintained crate has a release), DSA and Diffie-Hellman (nobody asks for them; such keys \
         are kept), other curves (kept), RSA without padding.\n"
    )
}

fn pkcs1() -> String {
    "## Decryption with PKCS#1 v1.5\n\nEncrypt takes the padding whenever it is named. Decrypt takes it only with `services.pkcs1_decryption`, \
     which is off; the unwrapping of keys never does. Whoever can ask often enough whether a padding was right decrypts anything with the key \
     (Bleichenbacher's attack). Everything that can be wrong is one failure, Cryptographic Failure, after the same work: the unpadding \
     of aws-lc-rs, or for keys below 2048 bits one of our own, takes one path for every content, and `benches timing` compares the times. \
     But that it failed is the answer, and it is the standard's. Implicit rejection, where a wrong padding gives random bytes in place \
     of the failure, would take that away; aws-lc-rs has neither such a call nor the bare private-key operation to build it on. So a server that has this switched on is as good as the clients that may use its keys: \
     let them use OAEP.\n"
        .to_owned()
}

fn post_quantum() -> String {
    "## Post-quantum algorithms\n\nML-KEM and ML-DSA have names in KMIP from 3.0 on. Clients of 1.0 to 2.1 cannot ask for them, and are \
     shown none of them, so that no operation that this server answers uses them yet: what stands above is what the crate `crypto` computes. \
     aws-lc-rs has both in its stable interface. SLH-DSA has names from 3.0 on, too, and no maintained crate has a release. KMIP 2.0 and 2.1 \
     name XMSS, SPHINCS-256 and three kinds of McEliece: none is offered, since none of them became a standard that a maintained \
     crate computes. Keys of all these can be registered and read back. Quantum Safe, an attribute of 2.0 and later, is kept as its \
     client sets it; the server derives nothing from it, and claims neither Quantum Safe Capability nor the profile Quantum Safe Server.\n"
        .to_owned()
}

fn macs() -> String {
    let lines = MACS.iter().map(|row| {
        let function = match row.function {
            MacFunction::Hmac(hash) => format!("HMAC with {}", spelled(hash)),
            MacFunction::Cmac => "CMAC".to_owned(),
        };
        vec![spelled(row.algorithm).to_owned(), function, row.library.to_owned(), yes(row.approved)]
    });
    let table = table(&["algorithm", "function", "crates", "NIST"], lines);
    format!(
        "## MAC and MAC Verify\n\nThe Cryptographic Algorithm of the request's parameters, or else the key's, names the function. A MAC is \
         verified whole, in constant time.\n\n{table}"
    )
}

fn hashes() -> String {
    let lines = HASHES.iter().map(|row| vec![spelled(row.hash).to_owned(), row.library().to_owned(), yes(row.approved)]);
    format!("## Hash\n\n{}", table(&["hash", "crate", "NIST"], lines))
}

/// A table with these headings.
fn table(headings: &[&str], lines: impl Iterator<Item = Vec<String>>) -> String {
    let mut table = format!("| {} |\n|{}\n", headings.join(" | "), "---|".repeat(headings.len()));
    for line in lines {
        table += &format!("| {} |\n", line.join(" | "));
    }
    table
}

fn yes(is: bool) -> String {
    if is { "yes" } else { "-" }.to_owned()
}

#[cfg(test)]
mod tests {
    #[test]
    fn each_table_is_on_the_page() {
        let page = super::page();
        for line in [
            "| AES | one secret | 128, 192, 256, 512 | random bytes |\n",
            "| AES | GCM | 128, 192, 256 | - | yes | encrypted as they come, decrypted at the end | aes, ctr, ghash | yes |\n",
            "| 3DES | CBC | 128, 192 | None, PKCS5, Zeros, ANSI X9.23, ISO 10126 | - | as they come | des, cbc | - |\n",
            "| ECDSA | P-256 | sign, verify | - | any | aws-lc-rs | yes |\n",
            "| HMAC-SHA256 | HMAC with SHA-256 | aws-lc-rs | yes |\n",
            "| MD5 | md-5 | - |\n",
        ] {
            assert!(page.contains(line), "{line}{page}");
        }
    }
}
