#!/usr/bin/env python3
"""Lets a KMIP server use keys with the stock PyKMIP client, and opens with Python's `cryptography` what comes of it.

    python -m pip install "PyKMIP==0.11.*"
    python examples/pykmip/services.py --config kmip-dev/clients/demo/pykmip.conf

For each of KMIP 1.2, 1.3, 1.4 and 2.0 it registers keys whose bytes it knows, and has the server encrypt, sign and authenticate with
them: what the server makes must open here, and what is made here must open there. Modes: CBC, CTR, ECB, GCM and CCM with AES (up to 1.3
their tag is the end of the data; PyKMIP has no field for it later), OAEP with RSA, signatures by RSA (PKCS#1 v1.5 and PSS), HMAC. It
derives a key by PBKDF2, gets a key wrapped under another (RFC 3394) and registers it again as it was wrapped. One line per step; exit
status 0 when everything held, 1 when something did not. What was registered is destroyed at the end of each version.
"""

import argparse
import os
import sys
import uuid

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, hmac, keywrap, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

from kmip.core import enums
from kmip.pie import client as pie_client, exceptions as pie_exceptions, objects as pie_objects

VERSIONS = {
    "1.2": enums.KMIPVersion.KMIP_1_2,
    "1.3": enums.KMIPVersion.KMIP_1_3,
    "1.4": enums.KMIPVersion.KMIP_1_4,
    "2.0": enums.KMIPVersion.KMIP_2_0,
}
MASK = enums.CryptographicUsageMask
MODE = enums.BlockCipherMode
DATA = b"what is to be protected, and longer than one block of any cipher"


class Failure(Exception):
    """A step whose outcome is not what it should be."""


def expect(what, held):
    if not held:
        raise Failure(what)


def pkcs7(data):
    missing = 16 - len(data) % 16
    return data + bytes([missing]) * missing


class Run:
    """One protocol version."""

    def __init__(self, client, version):
        self.client = client
        self.version = version
        self.living = []

    def steps(self):
        yield "AES in CBC, CTR and ECB", self.block_modes
        if self.version < "1.4":
            yield "AES in GCM and CCM", self.authenticated
        yield "RSA encrypts with OAEP", self.oaep
        yield "RSA signs with PKCS#1 v1.5 and PSS", self.signatures
        yield "HMAC", self.codes
        yield "derive a key by PBKDF2", self.derivation
        yield "a key wrapped under another, out and in", self.wrapping
        yield "destroy what is left", self.clean_up

    def register(self, managed, active=True):
        # From KMIP 2.0 on two living objects of one owner may not share a name.
        managed.names = [f"services-{uuid.uuid4().hex}"]
        identifier = self.client.register(managed)
        self.living.append(identifier)
        if active:
            self.client.activate(identifier)
        return identifier

    def aes(self, value, masks, algorithm=enums.CryptographicAlgorithm.AES):
        return self.register(pie_objects.SymmetricKey(algorithm, len(value) * 8, value, masks=masks))

    def block_modes(self):
        value = os.urandom(32)
        key = self.aes(value, [MASK.ENCRYPT, MASK.DECRYPT])
        for mode, here in [
            (MODE.CBC, lambda iv: modes.CBC(iv)),
            (MODE.CTR, lambda iv: modes.CTR(iv)),
            (MODE.ECB, lambda iv: modes.ECB()),
        ]:
            iv = None if mode == MODE.ECB else os.urandom(16)
            padded = mode != MODE.CTR
            parameters = {"block_cipher_mode": mode, "cryptographic_algorithm": enums.CryptographicAlgorithm.AES}
            if padded:
                parameters["padding_method"] = enums.PaddingMethod.PKCS5
            encryptor = Cipher(algorithms.AES(value), here(iv)).encryptor()
            expected = encryptor.update(pkcs7(DATA) if padded else DATA) + encryptor.finalize()
            sealed, made = self.client.encrypt(DATA, key, parameters, iv)
            expect(f"{mode.name}: the server encrypts the same", sealed == expected)
            expect(f"{mode.name}: an IV of the client is not returned", made is None)
            expect(f"{mode.name}: the server decrypts", self.client.decrypt(expected, key, parameters, iv) == DATA)
        parameters = {"block_cipher_mode": MODE.CTR, "random_iv": True}
        sealed, iv = self.client.encrypt(DATA, key, parameters)
        decryptor = Cipher(algorithms.AES(value), modes.CTR(iv)).decryptor()
        expect("the IV of the server", decryptor.update(sealed) + decryptor.finalize() == DATA)

    def authenticated(self):
        value, nonce = os.urandom(32), os.urandom(12)
        key = self.aes(value, [MASK.ENCRYPT, MASK.DECRYPT])
        for mode, here in [(MODE.GCM, AESGCM(value)), (MODE.CCM, AESCCM(value))]:
            parameters = {"block_cipher_mode": mode, "tag_length": 16}
            expected = here.encrypt(nonce, DATA, None)
            sealed, _ = self.client.encrypt(DATA, key, parameters, nonce)
            expect(f"{mode.name}: the server encrypts the same", sealed == expected)
            expect(f"{mode.name}: the server decrypts", self.client.decrypt(expected, key, parameters, nonce) == DATA)
            broken = bytes([expected[0] ^ 1]) + expected[1:]
            try:
                self.client.decrypt(broken, key, parameters, nonce)
                raise Failure(f"{mode.name}: what was changed is decrypted")
            except pie_exceptions.KmipOperationFailure as failure:
                expect("Cryptographic Failure", failure.reason == enums.ResultReason.CRYPTOGRAPHIC_FAILURE)

    def rsa_pair(self, private_masks, public_masks):
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        der = serialization.Encoding.DER
        private = key.private_bytes(der, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
        public = key.public_key().public_bytes(der, serialization.PublicFormat.PKCS1)
        algorithm, pkcs1 = enums.CryptographicAlgorithm.RSA, enums.KeyFormatType.PKCS_1
        return (
            key,
            self.register(pie_objects.PrivateKey(algorithm, 2048, private, pkcs1, masks=private_masks)),
            self.register(pie_objects.PublicKey(algorithm, 2048, public, pkcs1, masks=public_masks)),
        )

    def oaep(self):
        key, private, public = self.rsa_pair([MASK.DECRYPT], [MASK.ENCRYPT])
        # PyKMIP has no field for the hash of the mask, which is SHA-1 where it is left out.
        here = padding.OAEP(mgf=padding.MGF1(hashes.SHA1()), algorithm=hashes.SHA1(), label=None)
        parameters = {
            "padding_method": enums.PaddingMethod.OAEP,
            "hashing_algorithm": enums.HashingAlgorithm.SHA_1,
            "cryptographic_algorithm": enums.CryptographicAlgorithm.RSA,
        }
        sealed, _ = self.client.encrypt(DATA, public, parameters)
        expect("it opens here", key.decrypt(sealed, here) == DATA)
        sealed = key.public_key().encrypt(DATA, here)
        expect("it opens there", self.client.decrypt(sealed, private, parameters) == DATA)

    def signatures(self):
        key, private, public = self.rsa_pair([MASK.SIGN], [MASK.VERIFY])
        for method, here in [
            (enums.PaddingMethod.PKCS1v15, padding.PKCS1v15()),
            (enums.PaddingMethod.PSS, padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=padding.PSS.AUTO)),
        ]:
            parameters = {
                "padding_method": method,
                "hashing_algorithm": enums.HashingAlgorithm.SHA_256,
                "cryptographic_algorithm": enums.CryptographicAlgorithm.RSA,
            }
            signature = self.client.sign(DATA, private, parameters)
            try:
                key.public_key().verify(signature, DATA, here, hashes.SHA256())
            except InvalidSignature:
                if method != enums.PaddingMethod.PSS:
                    raise Failure(f"{method.name}: it does not verify here") from None
                # Without a Mask Generator Hashing Algorithm the mask is made with SHA-1 (2.1, section 4.16).
                here = padding.PSS(mgf=padding.MGF1(hashes.SHA1()), salt_length=padding.PSS.AUTO)
                key.public_key().verify(signature, DATA, here, hashes.SHA256())
            verify = lambda data, made: self.client.signature_verify(data, made, public, parameters)
            expect(f"{method.name}: it verifies there", verify(DATA, signature) == enums.ValidityIndicator.VALID)
            expect(f"{method.name}: for these data alone", verify(DATA[1:], signature) == enums.ValidityIndicator.INVALID)
            if method == enums.PaddingMethod.PSS:
                here = padding.PSS(mgf=here._mgf, salt_length=32)
            made = key.sign(DATA, here, hashes.SHA256())
            expect(f"{method.name}: what is signed here verifies there", verify(DATA, made) == enums.ValidityIndicator.VALID)

    def codes(self):
        value = os.urandom(32)
        algorithm = enums.CryptographicAlgorithm.HMAC_SHA256
        key = self.aes(value, [MASK.MAC_GENERATE, MASK.MAC_VERIFY], algorithm)
        here = hmac.HMAC(value, hashes.SHA256())
        here.update(DATA)
        identifier, code = self.client.mac(DATA, key, algorithm)
        expect("the same code", (identifier, code) == (key, here.finalize()))

    def derivation(self):
        password, salt = os.urandom(16), os.urandom(16)
        secret = pie_objects.SecretData(password, enums.SecretDataType.PASSWORD, masks=[MASK.DERIVE_KEY])
        secret = self.register(secret)
        parameters = {
            "cryptographic_parameters": {"hashing_algorithm": enums.HashingAlgorithm.SHA_256},
            "salt": salt,
            "iteration_count": 1000,
        }
        derived = self.client.derive_key(
            enums.ObjectType.SYMMETRIC_KEY,
            [secret],
            enums.DerivationMethod.PBKDF2,
            parameters,
            cryptographic_length=256,
            cryptographic_algorithm=enums.CryptographicAlgorithm.AES,
        )
        self.living.append(derived)
        here = PBKDF2HMAC(hashes.SHA256(), 32, salt, 1000).derive(password)
        expect("the same key", self.client.get(derived).value == here)

    def wrapping(self):
        value, wrapping_value = os.urandom(32), os.urandom(32)
        key = self.aes(value, [MASK.ENCRYPT])
        wrapping = self.aes(wrapping_value, [MASK.WRAP_KEY, MASK.UNWRAP_KEY])
        information = {
            "unique_identifier": wrapping,
            "cryptographic_parameters": {"block_cipher_mode": MODE.NIST_KEY_WRAP},
        }
        specification = {
            "wrapping_method": enums.WrappingMethod.ENCRYPT,
            "encryption_key_information": information,
            "encoding_option": enums.EncodingOption.NO_ENCODING,
        }
        wrapped = self.client.get(key, specification)
        expect("RFC 3394", wrapped.value == keywrap.aes_key_wrap(wrapping_value, value))
        again = pie_objects.SymmetricKey(
            enums.CryptographicAlgorithm.AES,
            256,
            wrapped.value,
            masks=[MASK.ENCRYPT],
            key_wrapping_data={
                "wrapping_method": enums.WrappingMethod.ENCRYPT,
                "encryption_key_information": information,
                "encoding_option": enums.EncodingOption.NO_ENCODING,
            },
        )
        again = self.register(again, active=False)
        expect("as it was registered", self.client.get(again).value == wrapped.value)

    def clean_up(self):
        for identifier in reversed(self.living):
            try:
                self.client.revoke(enums.RevocationReasonCode.CESSATION_OF_OPERATION, identifier)
            except pie_exceptions.KmipOperationFailure:
                pass
            self.client.destroy(identifier)
        self.living.clear()


def run_version(version, make_client):
    failures = 0
    with make_client(VERSIONS[version]) as client:
        for what, step in Run(client, version).steps():
            try:
                step()
                print(f"KMIP {version}: {what}", flush=True)
            except (Failure, InvalidSignature, pie_exceptions.KmipOperationFailure) as failure:
                failures += 1
                print(f"KMIP {version}: FAILED: {what}: {failure!r}", flush=True)
    return failures


def main():
    parser = argparse.ArgumentParser(description="Lets a KMIP server use keys, once per protocol version.")
    parser.add_argument("--config", required=True, help="a pykmip.conf with a [client] section")
    parser.add_argument("--version", action="append", choices=sorted(VERSIONS), help="only this version (repeatable)")
    arguments = parser.parse_args()
    if not os.path.exists(arguments.config):
        parser.error(f"{arguments.config} does not exist")

    def make_client(version):
        return pie_client.ProxyKmipClient(config_file=arguments.config, kmip_version=version)

    failures = sum(run_version(version, make_client) for version in arguments.version or list(VERSIONS))
    if failures:
        print(f"{failures} steps failed", flush=True)
        return 1
    print("all steps passed", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
