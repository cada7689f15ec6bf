"""The secret that signs the load."""

from base64 import b64encode

KEY = b"a key for measuring, 32 bytes..."
SECRET = f"whsec_{b64encode(KEY).decode()}"
