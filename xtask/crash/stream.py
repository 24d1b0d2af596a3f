"""The client side of `cargo xtask crash`: a stream of keys, and the check that every acknowledged one is still there.

    stream.py --config PYKMIP_CONF stream [--count N]   until the server is gone, or for N keys
    stream.py --config PYKMIP_CONF verify               reads the lines of `stream` on standard input

A line is an identifier and the key in hexadecimal, or `-` for a key that was created and not read yet. It is written only
after the server acknowledged.
"""

import argparse
import os
import sys

from kmip.core import enums
from kmip.pie import client as pie_client, objects as pie_objects

AES, MASK = enums.CryptographicAlgorithm.AES, enums.CryptographicUsageMask


def stream(client, count):
    """Creates and registers in turn; a key's bytes are known for both."""
    number = 0
    while count is None or number < count:
        if number % 2:
            material = os.urandom(32)
            key = pie_objects.SymmetricKey(AES, 256, material, masks=[MASK.ENCRYPT], name=f"crash-{os.urandom(8).hex()}")
            print(client.register(key), material.hex(), flush=True)
        else:
            identifier = client.create(AES, 256)
            print(identifier, "-", flush=True)
            if count is None:
                print(identifier, client.get(identifier).value.hex(), flush=True)
        number += 1


def verify(client):
    expected = {}
    for line in sys.stdin:
        identifier, material = line.split()
        expected[identifier] = material if material != "-" else expected.get(identifier, "-")
    lost = 0
    for identifier, material in expected.items():
        try:
            observed = client.get(identifier).value
        except Exception as failure:
            lost += 1
            print(f"{identifier}: {failure}", flush=True)
            continue
        if len(observed) != 32 or (material != "-" and observed.hex() != material):
            lost += 1
            print(f"{identifier}: the bytes differ", flush=True)
    print(f"{len(expected)} acknowledged, {lost} lost", flush=True)
    return 1 if lost or not expected else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", required=True)
    parser.add_argument("mode", choices=["stream", "verify"])
    parser.add_argument("--count", type=int)
    arguments = parser.parse_args()
    client = pie_client.ProxyKmipClient(config_file=arguments.config, kmip_version=enums.KMIPVersion.KMIP_1_4)
    client.open()
    if arguments.mode == "verify":
        return verify(client)
    try:
        stream(client, arguments.count)
    except Exception as failure:
        if arguments.count is not None:
            print(f"the stream ended early: {failure}", file=sys.stderr, flush=True)
            return 1
        # The server was killed in the middle of a request: what this test is about.
    return 0


if __name__ == "__main__":
    sys.exit(main())
