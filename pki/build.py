"""From a profile and a subject to the certificate that is to be signed. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from pki.errors import RequestError
from pki.keys import PublicKey
from pki.profiles import Profile, Role

USAGES: Final = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


@dataclass(frozen=True, slots=True)
class Subject:
    """Who a certificate speaks of. `common_name` is the SECCID, eMAID, PCID, serial or FQDN."""

    common_name: str
    organization: str
    country: str = "DE"
    dns_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Urls:
    """Where revocation is answered; `{ca}` in `crl` becomes the issuer's id. "" leaves it out."""

    ocsp: str = ""
    crl: str = ""


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who signs: its id in the store and its certificate, None for a root that signs itself."""

    ca: str
    certificate: x509.Certificate | None


def distinguished_name(row: Profile, subject: Subject) -> x509.Name:
    """CN, O, C and, where the profile has one, DC."""
    if not row.common_name.fullmatch(subject.common_name):
        raise RequestError(
            f"common name {subject.common_name!r} of a {row.role} certificate,"
            f" expected {row.common_name.pattern}"
        )
    if not subject.organization:
        raise RequestError(f"organization of a {row.role} certificate is empty")
    attributes = [
        x509.NameAttribute(NameOID.COMMON_NAME, subject.common_name),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, subject.organization),
        x509.NameAttribute(NameOID.COUNTRY_NAME, subject.country),
    ]
    if row.domain_component:
        attributes.append(x509.NameAttribute(NameOID.DOMAIN_COMPONENT, row.domain_component))
    return x509.Name(attributes)


def to_be_signed(
    row: Profile,
    subject: Subject,
    public_key: PublicKey,
    issuer: Issuer,
    serial: int,
    not_before: datetime,
    urls: Urls,
) -> x509.CertificateBuilder:
    """The certificate without its signature. Raises RequestError where the profile is not met."""
    try:
        name = distinguished_name(row, subject)
    except ValueError as error:
        raise RequestError(f"subject: {error}") from None
    certificate = issuer.certificate
    not_after = not_before + row.validity
    if certificate is not None and not row.may_outlive_issuer:
        not_after = min(not_after, certificate.not_valid_after_utc)
    if not_after <= not_before:
        raise RequestError(f"issuer {issuer.ca} expired at {not_after.isoformat()}")
    usage = x509.KeyUsage(**{each: each in row.key_usage for each in USAGES})
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name if certificate is None else certificate.subject)
        .public_key(public_key)
        .serial_number(serial)
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .add_extension(x509.BasicConstraints(row.is_ca, row.path_length), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(_authority_key(certificate, public_key), critical=False)
    )
    if row.extended_key_usage:
        oids = sorted(row.extended_key_usage, key=lambda oid: oid.dotted_string)
        builder = builder.add_extension(x509.ExtendedKeyUsage(oids), critical=False)
    if row.needs_dns_name:
        names = [x509.DNSName(each) for each in subject.dns_names or (subject.common_name,)]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    if row.role is Role.OCSP_RESPONDER:
        # RFC 6960 clause 4.2.2.2.1: short-lived, so its own status need not be asked for
        return builder.add_extension(x509.OCSPNoCheck(), critical=False)
    if certificate is None:
        return builder
    return _with_urls(builder, issuer.ca, urls)


def _authority_key(
    issuer: x509.Certificate | None, own_key: PublicKey
) -> x509.AuthorityKeyIdentifier:
    if issuer is None:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(own_key)
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def _with_urls(builder: x509.CertificateBuilder, ca: str, urls: Urls) -> x509.CertificateBuilder:
    if urls.ocsp:
        location = x509.UniformResourceIdentifier(urls.ocsp)
        access = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, location)
        builder = builder.add_extension(x509.AuthorityInformationAccess([access]), critical=False)
    if urls.crl:
        place = x509.UniformResourceIdentifier(urls.crl.replace("{ca}", ca))
        point = x509.DistributionPoint([place], None, None, None)
        builder = builder.add_extension(x509.CRLDistributionPoints([point]), critical=False)
    return builder
