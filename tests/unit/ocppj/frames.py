"""The hostile frames that every layer is tried with, and a valid message of each version."""

from __future__ import annotations

import orjson

from csms.ocppj.version import OcppVersion

TOO_LONG_ID = "x" * 37

HOSTILE: dict[str, bytes] = {
    "empty frame": b"",
    "white space": b"  ",
    "not JSON": b"hello",
    "invalid UTF-8": b'[2,"1","Heartbeat",{"a":"\xff\xfe"}]',
    "lone surrogate": b'[2,"1","Heartbeat",{"a":"\\ud800"}]',
    "byte order mark": b'\xef\xbb\xbf[2,"1","Heartbeat",{}]',
    "NaN": b'[2,"1","Heartbeat",{"a":NaN}]',
    "Infinity": b'[2,"1","Heartbeat",{"a":Infinity}]',
    "overflowing float": b'[2,"1","Heartbeat",{"a":1e999}]',
    "5000-digit integer": b'[2,"1","Heartbeat",{"a":' + b"9" * 5000 + b"}]",
    "5000-digit type": b"[" + b"9" * 5000 + b"]",
    "100k open arrays": b"[" * 100_000,
    "1000 nested arrays": b'[2,"1","DataTransfer",{"vendorId":"v","data":'
    + b"[" * 1000
    + b"]" * 1000
    + b"}]",
    "64 nested objects": b'[2,"1","DataTransfer",{"vendorId":"v","data":'
    + b'{"a":' * 64
    + b"1"
    + b"}" * 65
    + b"]",
    "an object": b'{"2":"1"}',
    "a string": b'"[2]"',
    "a number": b"2",
    "null": b"null",
    "empty array": b"[]",
    "type only": b"[2]",
    "type and id only": b'[2,"a"]',
    "no payload": b'[2,"a","Heartbeat"]',
    "five elements": b'[2,"a","Heartbeat",{},{}]',
    "type as text": b'["2","a","Heartbeat",{}]',
    "type as float": b'[2.0,"a","Heartbeat",{}]',
    "type as boolean": b'[true,"a","Heartbeat",{}]',
    "unknown type": b'[7,"a","Heartbeat",{}]',
    "negative type": b'[-1,"a"]',
    "id as number": b'[2,5,"Heartbeat",{}]',
    "id as null": b'[2,null,"Heartbeat",{}]',
    "id as object": b'[2,{},"Heartbeat",{}]',
    "empty id": b'[2,"","Heartbeat",{}]',
    "too long id": orjson.dumps([2, TOO_LONG_ID, "Heartbeat", {}]),
    "action as object": b'[2,"a",{},{}]',
    "action as array": b'[2,"a",[],{}]',
    "action as number": b'[2,"a",1,{}]',
    "action of 100 kB": orjson.dumps([2, "a", "A" * 100_000, {}]),
    "unknown action": b'[2,"a","Launch",{}]',
    "action of the other side": b'[2,"a","Reset",{"type":"Immediate"}]',
    "payload as list": b'[2,"a","Heartbeat",[]]',
    "payload as text": b'[2,"a","Heartbeat","{}"]',
    "payload with wrong type": b'[2,"a","DataTransfer",{"vendorId":5}]',
    "empty BootNotification": b'[2,"a","BootNotification",{}]',
    "unexpected property": b'[2,"a","Heartbeat",{"__class__":1}]',
    "absurd date": b'[2,"a","SecurityEventNotification",{"type":"t","timestamp":"222222017-01-01T00:00:00Z"}]',
    "unsolicited result": b'[3,"a",{}]',
    "result without payload": b'[3,"a"]',
    "result with bad id": b"[3,7,{}]",
    "unsolicited error": b'[4,"a","GenericError","",{}]',
    "error without anything": b"[4]",
    "error of wrong types": b'[4,"a",1,2,3]',
    "unsolicited result error": b'[5,"a","GenericError","",{}]',
    "send of unknown action": b'[6,"a","Launch",{}]',
    "send with bad id": b'[6,7,"NotifyPeriodicEventStream",{}]',
    "send of a call": b'[6,"a","Heartbeat",{}]',
}

HEARTBEAT = b'[2,"hb","Heartbeat",{}]'
HEARTBEAT_ANSWER = {"currentTime": "2026-01-01T00:00:00Z"}

RESET: dict[OcppVersion, dict[str, str]] = {
    OcppVersion.V16: {"type": "Soft"},
    OcppVersion.V201: {"type": "Immediate"},
    OcppVersion.V21: {"type": "Immediate"},
}
