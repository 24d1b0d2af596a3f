#!/usr/bin/env python3
"""Lives a key's whole life on a KMIP server with the stock PyKMIP client, once per protocol version.

    python -m pip install "PyKMIP==0.11.*"
    python examples/pykmip/lifecycle.py --config kmip-dev/clients/demo/pykmip.conf

For each of KMIP 1.0, 1.1, 1.2, 1.3, 1.4 and 2.0 it creates an AES-256 key with a name and a group, locates it, reads it
and its attributes, activates, revokes and destroys it; registers a secret, an opaque object, an RSA key pair and an X.509
certificate and compares what comes back byte for byte; creates an RSA-2048 pair that must sign and verify; derives keys from
a key and from a password; gets a key wrapped and registers it so; and checks that unknown identifiers are refused as Item
Not Found. It prints one line per step. Exit status: 0 when everything held, 1 when something did not, 2 when it was called
wrongly.

Nothing is left on the server: what was created or registered is destroyed at the end of each version.
"""

import argparse
import datetime
import hashlib
import hmac
import os
import sys
import uuid

from cryptography import x509
from cryptography.hazmat.primitives import hashes, keywrap, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from kmip.core import enums, objects as core_objects
from kmip.core.factories import attributes as attribute_factory
from kmip.pie import client as pie_client, exceptions as pie_exceptions, objects as pie_objects

VERSIONS = {
    "1.0": enums.KMIPVersion.KMIP_1_0,
    "1.1": enums.KMIPVersion.KMIP_1_1,
    "1.2": enums.KMIPVersion.KMIP_1_2,
    "1.3": enums.KMIPVersion.KMIP_1_3,
    "1.4": enums.KMIPVersion.KMIP_1_4,
    "2.0": enums.KMIPVersion.KMIP_2_0,
}

MASK = enums.CryptographicUsageMask
FACTORY = attribute_factory.AttributeFactory()


class Failure(Exception):
    """A step whose outcome is not what the standard asks for."""


def expect_equal(what, observed, expected):
    """Compares, and says both sides unless they are key material."""
    if observed == expected:
        return
    if isinstance(expected, bytes):
        observed_length = len(observed) if isinstance(observed, bytes) else repr(type(observed))
        raise Failure(f"{what}: the bytes differ (lengths: observed {observed_length}, expected {len(expected)})")
    raise Failure(f"{what}: observed {observed!r}, expected {expected!r}")


def attribute(kind, value):
    return FACTORY.create_attribute(kind, value)


def attribute_values(client, identifier, names):
    """The values of the named attributes, as a map from name to a list of the instances."""
    observed_identifier, attributes = client.get_attributes(identifier, names)
    expect_equal("identifier in the answer to Get Attributes", observed_identifier, identifier)
    values = {}
    for item in attributes:
        values.setdefault(item.attribute_name.value, []).append(item.attribute_value)
    return values


def state_of(client, identifier):
    return attribute_values(client, identifier, ["State"])["State"][0].value


def expect_refusal(what, reason, call):
    """The call must fail with this Result Reason; anything else is a failure of the step."""
    try:
        call()
    except pie_exceptions.KmipOperationFailure as failure:
        expect_equal(f"{what}: result reason", failure.reason, reason)
        return
    raise Failure(f"{what}: succeeded, expected {reason.name}")


def rsa_pair_material():
    """A fresh RSA-2048 pair: the private half as PKCS#1 and as PKCS#8, the public half as PKCS#1, all DER."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    der = serialization.Encoding.DER
    plain = serialization.NoEncryption()
    return (
        key,
        key.private_bytes(der, serialization.PrivateFormat.TraditionalOpenSSL, plain),
        key.private_bytes(der, serialization.PrivateFormat.PKCS8, plain),
        key.public_key().public_bytes(der, serialization.PublicFormat.PKCS1),
    )


def certificate_of(key):
    """A self-signed certificate, DER."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "lifecycle example")])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=1))
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


class Run:
    """One protocol version: the steps, and the objects that must be gone at the end."""

    def __init__(self, client, version):
        self.client = client
        self.version = version
        self.living = []
        # Names are unique per run: from KMIP 2.0 on two living objects of one owner may not share a name.
        self.suffix = f"{version}-{uuid.uuid4().hex[:12]}"

    def all_steps(self):
        yield "create, locate, get, activate, revoke and destroy an AES-256 key", self.symmetric_key
        yield "register a symmetric key and get it back", self.registered_symmetric_key
        yield "register a secret and get it back", self.secret
        yield "register an opaque object and get it back", self.opaque
        yield "register an RSA key pair and get it back", self.rsa_pair
        yield "register an X.509 certificate and get it back", self.certificate
        yield "create an RSA-2048 pair that signs and verifies", self.created_pair
        yield "derive keys from a key and from a password", self.derived_keys
        if self.version != "1.0":  # which cannot say that a key is wrapped without an encoding
            yield "get a key wrapped, register it wrapped and get it back", self.wrapped_keys
        yield "refuse unknown identifiers as Item Not Found", self.unknown_identifiers
        yield "destroy what is left", self.clean_up

    def symmetric_key(self):
        client, name, group = self.client, f"lifecycle-key-{self.suffix}", f"lifecycle-group-{self.suffix}"
        template = core_objects.TemplateAttribute(
            attributes=[
                attribute(enums.AttributeType.CRYPTOGRAPHIC_ALGORITHM, enums.CryptographicAlgorithm.AES),
                attribute(enums.AttributeType.CRYPTOGRAPHIC_LENGTH, 256),
                attribute(enums.AttributeType.CRYPTOGRAPHIC_USAGE_MASK, [MASK.ENCRYPT, MASK.DECRYPT]),
                attribute(enums.AttributeType.NAME, name),
                attribute(enums.AttributeType.OBJECT_GROUP, group),
            ]
        )
        # The high-level create() cannot set a group, so this one request goes through the layer below it.
        result = client.proxy.create(enums.ObjectType.SYMMETRIC_KEY, template)
        if result.result_status.value != enums.ResultStatus.SUCCESS:
            raise Failure(f"create: {result.result_reason.value.name}: {result.result_message.value}")
        identifier = result.uuid
        self.living.append(identifier)

        by_name = [attribute(enums.AttributeType.NAME, name)]
        expect_equal("locate by name", client.locate(attributes=by_name), [identifier])
        by_group = [attribute(enums.AttributeType.OBJECT_GROUP, group)]
        expect_equal("locate by group", client.locate(attributes=by_group), [identifier])
        nothing = [attribute(enums.AttributeType.NAME, name + "-absent")]
        expect_equal("locate of an absent name", client.locate(attributes=nothing), [])

        key = client.get(identifier)
        expect_equal("object type", key.object_type, enums.ObjectType.SYMMETRIC_KEY)
        expect_equal("algorithm", key.cryptographic_algorithm, enums.CryptographicAlgorithm.AES)
        expect_equal("length of the key in bytes", len(key.value), 32)
        expect_equal("the key read a second time", client.get(identifier).value, key.value)

        wanted = [
            "Unique Identifier",
            "Name",
            "Object Type",
            "Cryptographic Algorithm",
            "Cryptographic Length",
            "Cryptographic Usage Mask",
            "Object Group",
            "State",
            "Initial Date",
        ]
        values = attribute_values(client, identifier, wanted)
        expect_equal("attributes returned", sorted(values), sorted(wanted))
        expect_equal("Unique Identifier", values["Unique Identifier"][0].value, identifier)
        expect_equal("Name", [value.name_value.value for value in values["Name"]], [name])
        expect_equal("Object Group", [value.value for value in values["Object Group"]], [group])
        expect_equal("Object Type", values["Object Type"][0].value, enums.ObjectType.SYMMETRIC_KEY)
        expect_equal("Algorithm", values["Cryptographic Algorithm"][0].value, enums.CryptographicAlgorithm.AES)
        expect_equal("Length", values["Cryptographic Length"][0].value, 256)
        expect_equal("Usage Mask", values["Cryptographic Usage Mask"][0].value, MASK.ENCRYPT.value | MASK.DECRYPT.value)
        expect_equal("State after Create", values["State"][0].value, enums.State.PRE_ACTIVE)
        if "Name" not in client.get_attribute_list(identifier):
            raise Failure("Get Attribute List does not list Name")

        client.activate(identifier)
        expect_equal("State after Activate", state_of(client, identifier), enums.State.ACTIVE)
        expect_refusal(
            "Destroy of an active key", enums.ResultReason.PERMISSION_DENIED, lambda: client.destroy(identifier)
        )
        client.revoke(enums.RevocationReasonCode.CESSATION_OF_OPERATION, identifier, "the example is over")
        expect_equal("State after Revoke", state_of(client, identifier), enums.State.DEACTIVATED)
        expect_equal("the key after Revoke", client.get(identifier).value, key.value)
        client.destroy(identifier)
        self.living.remove(identifier)
        expect_equal("locate after Destroy", client.locate(attributes=by_name), [])
        if self.version.startswith("1."):
            expect_refusal("Get after Destroy", enums.ResultReason.ITEM_NOT_FOUND, lambda: client.get(identifier))

    def register(self, managed_object):
        identifier = self.client.register(managed_object)
        self.living.append(identifier)
        return identifier

    def registered_symmetric_key(self):
        material = os.urandom(32)
        name = f"lifecycle-registered-{self.suffix}"
        identifier = self.register(
            pie_objects.SymmetricKey(
                enums.CryptographicAlgorithm.AES, 256, material, masks=[MASK.ENCRYPT, MASK.DECRYPT], name=name
            )
        )
        key = self.client.get(identifier)
        expect_equal("registered key", key.value, material)
        expect_equal("its length", key.cryptographic_length, 256)

    def secret(self):
        material = b"correct horse battery staple " + os.urandom(8)
        identifier = self.register(
            pie_objects.SecretData(
                material, enums.SecretDataType.PASSWORD, masks=[MASK.VERIFY], name=f"lifecycle-secret-{self.suffix}"
            )
        )
        secret = self.client.get(identifier)
        expect_equal("secret", secret.value, material)
        expect_equal("secret data type", secret.data_type, enums.SecretDataType.PASSWORD)

    def opaque(self):
        material = bytes(range(256)) + os.urandom(5)
        identifier = self.register(
            pie_objects.OpaqueObject(material, enums.OpaqueDataType.NONE, name=f"lifecycle-opaque-{self.suffix}")
        )
        opaque = self.client.get(identifier)
        expect_equal("opaque object", opaque.value, material)
        expect_equal("opaque data type", opaque.opaque_type, enums.OpaqueDataType.NONE)

    def rsa_pair(self):
        _, pkcs1, pkcs8, public = rsa_pair_material()
        formats = enums.KeyFormatType
        cases = [
            ("private key, PKCS#1", pie_objects.PrivateKey, pkcs1, formats.PKCS_1, MASK.SIGN),
            ("private key, PKCS#8", pie_objects.PrivateKey, pkcs8, formats.PKCS_8, MASK.SIGN),
            ("public key, PKCS#1", pie_objects.PublicKey, public, formats.PKCS_1, MASK.VERIFY),
        ]
        for what, kind, material, key_format, mask in cases:
            name = f"lifecycle-{key_format.name}-{kind.__name__}-{self.suffix}"
            key = kind(enums.CryptographicAlgorithm.RSA, 2048, material, key_format, masks=[mask], name=name)
            read = self.client.get(self.register(key))
            expect_equal(what, read.value, material)
            expect_equal(f"{what}: format", read.key_format_type, key_format)
            expect_equal(f"{what}: length", read.cryptographic_length, 2048)

    def certificate(self):
        key, _, _, _ = rsa_pair_material()
        material = certificate_of(key)
        identifier = self.register(
            pie_objects.X509Certificate(material, masks=[MASK.VERIFY], name=f"lifecycle-certificate-{self.suffix}")
        )
        expect_equal("certificate", self.client.get(identifier).value, material)

    def created_pair(self):
        client = self.client
        public, private = client.create_key_pair(
            enums.CryptographicAlgorithm.RSA,
            2048,
            public_name=f"lifecycle-public-{self.suffix}",
            public_usage_mask=[MASK.VERIFY],
            private_name=f"lifecycle-private-{self.suffix}",
            private_usage_mask=[MASK.SIGN],
        )
        self.living += [public, private]
        private_key, public_key = client.get(private), client.get(public)
        expect_equal("created private key: length", private_key.cryptographic_length, 2048)
        expect_equal("created public key: length", public_key.cryptographic_length, 2048)
        signer = serialization.load_der_private_key(private_key.value, password=None)
        if public_key.key_format_type == enums.KeyFormatType.PKCS_1:
            der, form = serialization.Encoding.DER, serialization.PublicFormat.PKCS1
        else:
            der, form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        expect_equal("public half of the pair", signer.public_key().public_bytes(der, form), public_key.value)
        signature = signer.sign(b"lifecycle", padding.PKCS1v15(), hashes.SHA256())
        signer.public_key().verify(signature, b"lifecycle", padding.PKCS1v15(), hashes.SHA256())

    def active(self, managed_object):
        """Registers an object, and activates it: only an active key derives and wraps."""
        identifier = self.client.register(managed_object)
        self.client.activate(identifier)
        return identifier

    def retire(self, *identifiers):
        for identifier in identifiers:
            self.client.revoke(enums.RevocationReasonCode.CESSATION_OF_OPERATION, identifier)
            self.client.destroy(identifier)

    def derived_keys(self):
        client, aes = self.client, {"cryptographic_algorithm": enums.CryptographicAlgorithm.AES, "cryptographic_length": 128}
        kind, material = enums.ObjectType.SYMMETRIC_KEY, os.urandom(32)
        base = self.active(
            pie_objects.SymmetricKey(enums.CryptographicAlgorithm.AES, 256, material, [MASK.DERIVE_KEY], f"base-{self.suffix}")
        )
        password = self.active(
            pie_objects.SecretData(
                b"a password", enums.SecretDataType.PASSWORD, [MASK.DERIVE_KEY], f"password-{self.suffix}"
            )
        )
        sha256 = {"hashing_algorithm": enums.HashingAlgorithm.SHA_256}
        made = {
            "HASH": client.derive_key(
                kind, [base], enums.DerivationMethod.HASH, {"cryptographic_parameters": sha256}, **aes
            ),
            "HMAC": client.derive_key(
                kind,
                [base],
                enums.DerivationMethod.HMAC,
                {"cryptographic_parameters": sha256, "derivation_data": b"data"},
                **aes,
            ),
            "PBKDF2": client.derive_key(
                kind,
                [password],
                enums.DerivationMethod.PBKDF2,
                {"cryptographic_parameters": sha256, "salt": b"some salt", "iteration_count": 1000},
                **aes,
            ),
        }
        expected = {
            "HASH": hashlib.sha256(material).digest()[:16],
            "HMAC": hmac.new(material, b"data", hashlib.sha256).digest()[:16],
            "PBKDF2": hashlib.pbkdf2_hmac("sha256", b"a password", b"some salt", 1000, 16),
        }
        for method, identifier in made.items():
            self.living.append(identifier)
            expect_equal(f"the key derived by {method}", client.get(identifier).value, expected[method])
        self.retire(base, password)

    def wrapped_keys(self):
        client, aes = self.client, enums.CryptographicAlgorithm.AES
        wrapping, material = os.urandom(16), os.urandom(32)
        uses = [MASK.WRAP_KEY, MASK.UNWRAP_KEY]
        kek = self.active(pie_objects.SymmetricKey(aes, 128, wrapping, uses, f"wrapping-{self.suffix}"))
        key = client.register(pie_objects.SymmetricKey(aes, 256, material, [MASK.ENCRYPT], f"data-{self.suffix}"))
        self.living.append(key)
        information = {
            "unique_identifier": kek,
            "cryptographic_parameters": {"block_cipher_mode": enums.BlockCipherMode.NIST_KEY_WRAP},
        }
        how = {
            "wrapping_method": enums.WrappingMethod.ENCRYPT,
            "encryption_key_information": information,
            "encoding_option": enums.EncodingOption.NO_ENCODING,
        }
        wrapped = client.get(key, key_wrapping_specification=how)
        expected = keywrap.aes_key_wrap(wrapping, material)
        expect_equal("the wrapped key", wrapped.value, expected)
        named = wrapped.key_wrapping_data["encryption_key_information"]["unique_identifier"]
        expect_equal("the wrapping key that is named", named, kek)
        again = client.register(
            pie_objects.SymmetricKey(
                aes, 256, expected, [MASK.ENCRYPT], f"wrapped-{self.suffix}", key_wrapping_data=how
            )
        )
        self.living.append(again)
        expect_equal("the key registered wrapped", client.get(again).value, expected)
        self.retire(kek)

    def unknown_identifiers(self):
        client, unknown, reason = self.client, str(uuid.uuid4()), enums.ResultReason.ITEM_NOT_FOUND
        if not self.version.startswith("1."):
            reason = enums.ResultReason.OBJECT_NOT_FOUND
        expect_refusal("Get", reason, lambda: client.get(unknown))
        expect_refusal("Get Attributes", reason, lambda: client.get_attributes(unknown, ["State"]))
        expect_refusal("Get Attribute List", reason, lambda: client.get_attribute_list(unknown))
        expect_refusal("Activate", reason, lambda: client.activate(unknown))
        expect_refusal(
            "Revoke", reason, lambda: client.revoke(enums.RevocationReasonCode.CESSATION_OF_OPERATION, unknown)
        )
        expect_refusal("Destroy", reason, lambda: client.destroy(unknown))

    def clean_up(self):
        while self.living:
            self.client.destroy(self.living[-1])
            self.living.pop()


def run_version(version, make_client):
    """Runs every step of one version; returns the number of steps that failed."""
    failures = 0
    with make_client(VERSIONS[version]) as client:
        run = Run(client, version)
        for what, step in run.all_steps():
            try:
                step()
            except pie_exceptions.KmipOperationFailure as failure:
                outcome = f"FAILED: {failure.reason.name}: {failure}"
            except Failure as failure:
                outcome = f"FAILED: {failure}"
            except Exception as failure:  # a reply PyKMIP cannot decode arrives as almost any exception
                outcome = f"FAILED: {type(failure).__name__}: {failure}"
            else:
                outcome = "ok"
            failures += outcome != "ok"
            print(f"KMIP {version}: {what}: {outcome}", flush=True)
    return failures


def main():
    parser = argparse.ArgumentParser(description="Lives a key's whole life on a KMIP server, once per protocol version.")
    parser.add_argument("--config", required=True, help="a pykmip.conf with a [client] section")
    parser.add_argument("--version", action="append", choices=sorted(VERSIONS), help="only this version (repeatable)")
    arguments = parser.parse_args()
    if not os.path.exists(arguments.config):
        parser.error(f"{arguments.config} does not exist")

    def make_client(version):
        return pie_client.ProxyKmipClient(config_file=arguments.config, kmip_version=version)

    failures, versions = 0, arguments.version or list(VERSIONS)
    for version in versions:
        try:
            failures += run_version(version, make_client)
        except OSError as failure:
            failures += 1
            print(f"KMIP {version}: FAILED: no connection: {failure}", flush=True)
    if failures:
        print(f"{failures} steps failed", flush=True)
        return 1
    print(f"all steps passed in {len(versions)} versions", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
