"""What the stand-in for Vector says, in the bytes that Vector says it in: its API's messages, a histogram's lines."""


def histogram(name, labels, count):
    bounds = {"0.015625": 0, "0.03125": count, "0.0625": count, "+Inf": count}
    buckets = [f'vector_{name}_bucket{{{labels},le="{bound}"}} {n}' for bound, n in bounds.items()]
    return [
        *buckets,
        f"vector_{name}_sum{{{labels}}} {count / 50}",
        f"vector_{name}_count{{{labels}}} {count}",
    ]


def framed(names):
    """`GetComponentsResponse` with one `Component` of only an id for each name, and the frame around it."""
    message = b""
    for name in names:
        component = b"\x0a" + bytes([len(name)]) + name.encode()
        message += b"\x0a" + bytes([len(component)]) + component
    return b"\0" + len(message).to_bytes(4, "big") + message


def asked(body):
    """Patterns, limit and interval of a `StreamOutputEventsRequest` with its frame."""
    at, patterns, numbers = 5, [], {}
    while at < len(body):
        tag, at = body[at], at + 1
        value = shift = 0
        while True:
            byte, at = body[at], at + 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        if tag == 0x0A:
            patterns.append(body[at : at + value].decode())
            at += value
        else:
            numbers[tag >> 3] = value
    return patterns, numbers[3], numbers[4]


def field(number, data):
    head = bytearray([number << 3 | 2])
    length = len(data)
    while length > 0x7F:
        head.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes([*head, length]) + data


def value_of(content):
    """`Value`: text, as bytes, and `hex:…` for bytes that are none; whole numbers, maps and lists."""
    if isinstance(content, dict):
        entries = (field(1, field(1, k.encode()) + field(2, value_of(v))) for k, v in content.items())
        return field(7, b"".join(entries))
    if isinstance(content, list):
        return field(8, b"".join(field(1, value_of(each)) for each in content))
    if isinstance(content, int):
        rest, made = content, bytearray([0x20])
        while rest > 0x7F:
            made.append(rest & 0x7F | 0x80)
            rest >>= 7
        return bytes([*made, rest])
    if content.startswith("hex:"):
        return field(1, bytes.fromhex(content[4:]))
    return field(1, content.encode())


def framed_event(component, event):
    """`StreamOutputEventsResponse` with a log, whose metadata hold a secret as Vector's may."""
    metadata = field(6, field(1, field(1, b"api_key") + field(2, b"metadata-canary")))
    log = field(2, value_of(event)) + field(4, metadata)
    tapped = field(1, component.encode()) + field(2, b"stand_in") + field(3, b"source")
    message = field(1, tapped + field(4, field(1, log)))
    return b"\0" + len(message).to_bytes(4, "big") + message
