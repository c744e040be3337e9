"""What columns are called in files of many tools and languages, by what they mean.

Phrases are as `plain` leaves them: lower case, without accents and punctuation. Of two columns that are called
something for the same target, the one whose phrase stands earlier is taken.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from unicodedata import combining, normalize

from ingest.csv_import.settings import FULL_NAME, LIST_STATUS, TAGS

_PHRASES: Mapping[str, str] = {
    "email": """
        email, e mail, email address, e mail address, email adress, mail, mail address, primary email,
        email primary, contact email, customer email, subscriber email, user email, person email, billing email,
        email 1, email1, e mail 1 value, email id, emailaddress, mailadresse, e mail adresse, email adresse,
        emailadresse, adresse email, adresse e mail, adresse mail, courriel, adresse courriel,
        adresse electronique, correo, correo electronico, direccion de correo, direccion de correo electronico,
        posta elettronica, indirizzo email, indirizzo e mail, e mail cliente, endereco de email,
        endereco de e mail, correio eletronico, e mailadres, emailadres, adres e mail, adres email, e post,
        epost, epostadress, e postadress, e postadresse, sahkoposti, e posta, eposta, eposta adresi,
        email adresi, メールアドレス, メール, eメール, 電子メール, почта, электронная почта, эл почта,
        адрес электронной почты, 邮箱, 电子邮件, 이메일, account email, work email, recipient, recipient email,
        email work, work email address, attendee email, buyer email, profile email, kunden email, email client,
        e mail adresi, email anschrift, e mail anschrift, ιμειλ, ηλεκτρονικη διευθυνση
    """,
    "external_id": """
        external id, contact id, customer id, subscriber id, euid, user id, person id, client id, member id,
        lead id, profile id, record id, record id contact, id, uid, uuid, contact key, external user id, userid,
        customerid, contactid, customer number, customer no, customer reference, klaviyo id, kundennummer,
        kunden nr, kundennr, kunden id, kontakt id, numero client, no client, id client, identifiant,
        id cliente, numero cliente, codigo cliente, codice cliente, codigo de cliente, klantnummer, klant id,
        numer klienta, id klienta, kundnummer, asiakasnumero, musteri no, musteri id, 顧客id, 会員id, 会員番号,
        顧客番号, braze id, contact uuid, google id, subscriber uuid, system id, idcustomer, contact number,
        subscription id, unique external id, membership id, id du membre, id membre, uye no, kundnr, n cliente,
        no cliente, κωδικος πελατη, κωδικος, klantnr, nr klienta, attendee, lead, attendee id,
        square customer id
    """,
    "first_name": """
        first name, firstname, fname, given name, givenname, forename, name first, first, billing first name,
        attendee first name, vorname, prenom, nombre, nombres, nome, voornaam, imie, fornamn, fornavn, etunimi,
        ad, adi, isim, 名, 名前, имя, 名字, 이름, primer nombre, primeiro nome, contact first name,
        customer first name, ονομα, 名 名前
    """,
    "last_name": """
        last name, lastname, lname, surname, family name, familyname, name last, last, billing last name,
        second name, attendee last name, nachname, familienname, zuname, nom de famille, nom, apellido,
        apellidos, cognome, sobrenome, apelido, achternaam, nazwisko, efternamn, etternavn, efternavn, sukunimi,
        soyad, soyadi, soyisim, 姓, 名字 姓, 苗字, фамилия, 성, contact last name, customer last name,
        last name surname, επωνυμο
    """,
    FULL_NAME: """
        full name, fullname, name, contact name, customer name, display name, displayname, client name, person,
        subscriber name, your name, cardholder name, voller name, ansprechpartner, kontaktname, kundenname,
        nom complet, nom et prenom, nom prenom, prenom et nom, nombre completo, nombre y apellidos,
        nome completo, nome e cognome, nominativo, volledige naam, naam, imie i nazwisko, nazwa, namn, navn,
        nimi, ad soyad, adi soyadi, 氏名, お名前, фио, 姓名, 성명, person name, attendee name, recipient name,
        nome, nombre, anzeigename, 代表者名, 会員名, ονοματεπωνυμο
    """,
    "phone": """
        phone number, phone, phonenumber, telephone, telephone number, tel, primary phone, main phone, telefon,
        telefonnummer, telefono, telefone, 電話番号, mobile phone number, mobile phone, mobile number, mobile,
        cell phone, cell, cellphone, mobilephone, sms, sms number, whatsapp, phone mobile, phone 1, phone1,
        phone 1 value, phone primary, default address phone, billing phone, phone work, contact phone,
        customer phone, work phone, home phone, business phone, phone home, mobiltelefon, mobilnummer, handy,
        handynummer, telefon mobil, telefon privat, rufnummer, telephone mobile, numero de telephone, portable,
        movil, telefono movil, celular, telefono celular, cellulare, numero di telefono, telefono cellulare,
        telemovel, telefone celular, telefoonnummer, telefoon, mobiel, mobiele nummer, mobiel nummer,
        telefon komorkowy, numer telefonu, komorka, mobilnr, puhelin, puhelinnumero, cep telefonu,
        telefon numarasi, 電話, 携帯電話, 携帯番号, телефон, мобильный, 手机, 电话, 휴대폰, 전화번호,
        tel mobile, tel portable, mobil tel nr, mobil tel, gsm, τηλεφωνο, κινητο, κινητο τηλεφωνο,
        お届け先電話番号, numero de movil, tel kom
    """,
    "timezone": """
        timezone, time zone, tz, iana timezone, zeitzone, fuseau horaire, zona horaria, fuso orario,
        fuso horario, tijdzone, strefa czasowa, tidszon, saat dilimi, タイムゾーン
    """,
    "language": """
        language, preferred language, locale, lang, customer locale, preferred locale, language code, sprache,
        sprachcode, langue, idioma, lingua, taal, jezyk, sprak, kieli, dil, 言語, язык, user language,
        customer language, store language, browser language, γλωσσα, web browser language,
        communication language
    """,
    "job_title": """
        job title, jobtitle, title, position, occupation, job, job role, organization title,
        organization 1 title, organization title 1, berufsbezeichnung, stellenbezeichnung, jobtitel, funktion,
        beruf, fonction, poste, profession, cargo, puesto, qualifica, ruolo, posizione, funcao, functie,
        functietitel, stanowisko, befattning, titel, tehtavanimike, unvan, 役職, 職業, должность,
        company position, attendee job title, job position, titre, arbeitstitel, επαγγελμα, jobposition,
        poste occupe
    """,
    "address_line_1": """
        address line 1, address 1, address1, street address, street, address, addr1, address line one,
        billing address 1, billing address line 1, billing address, billing street, default address address1,
        mailing street, mailing address, address street, home street, business street, street address 1,
        address 1 street, primary address street, home address, street name, strasse, strase, anschrift,
        adresse, strasse hausnummer, strasse und hausnummer, strasse nr, adresse 1, adresse ligne 1, rue,
        adresse postale, direccion, direccion 1, calle, domicilio, indirizzo, via, indirizzo 1, endereco, rua,
        logradouro, morada, adres, straat, straatnaam, ulica, gata, gatuadress, osoite, katuosoite, adresi,
        住所, 住所1, 番地, адрес, улица, 地址, 주소, person address, address first line,
        strasse rechnungsadresse, street 1, home address street, work address street, strasse geschaftlich,
        διευθυνση, お届け先住所1, ulica i numer, straat en huisnummer, address address line 1
    """,
    "address_line_2": """
        address line 2, address 2, address2, addr2, apartment, suite, address line two, billing address 2,
        billing address line 2, default address address2, street address 2, address extended,
        address 1 extended address, unit, apt, street 2, home street 2, business street 2, adresszusatz, zusatz,
        adresse 2, adresse ligne 2, complement, complement adresse, complement d adresse, direccion 2, piso,
        interno, indirizzo 2, complemento, toevoeging, huisnummer, adreszusatz, 住所2, 建物名, адрес 2,
        additional address line 1, address additional, strasse geschaftlich 2, rue 2, お届け先住所2,
        address address line 2
    """,
    "country": """
        country code, country, country iso code, country iso, default address country code,
        billing country code, billing country, mailing country, address country, country region, country name,
        country territory, iso country, ip country code, cc, home country region, business country region,
        address 1 country, location country, shipping country, land, laendercode, landercode, landerkurzel,
        land region, staat land, pays, code pays, pais, codigo pais, paese, nazione, stato estero, landcode,
        kraj, maa, ulke, 国, 国名, страна, 国家, 국가, person country, home address country,
        work address country, land iso, country 2 digits, country iso2, land region geschaftlich, pays region,
        お届け先国, χωρα, country or region
    """,
    "state": """
        state, province, state province, state region, region, province code, state code, county,
        default address province code, billing state, mailing state, mailing state province, billing province,
        address state, address region, state county, home state, business state, address 1 region, bundesland,
        kanton, provinz, departement, provincia, estado, comunidad autonoma, regione, provincia stato, uf,
        provincie, wojewodztwo, lan, maakunta, il, sehir il, 都道府県, область, регион, 省, location region,
        state name, ip region, home address state, work address state, state province region, state or province,
        region geschaftlich, dep region, お届け先都道府県, νομος
    """,
    "postcode": """
        zip code, zip, zipcode, postal code, postalcode, postcode, post code, zip postal code, postal zip code,
        zip postal, default address zip, billing zip, billing postcode, billing postal code, billing zip code,
        mailing zip, mailing zip postal code, address zip, address postal code, home postal code,
        business postal code, address 1 postal code, plz, postleitzahl, code postal, cp, codigo postal,
        cod postal, cap, codice postale, cep, codigo zip, kod pocztowy, postnummer, postnr, postinumero,
        posta kodu, 郵便番号, индекс, почтовый индекс, 邮编, 우편번호, home address zip, work address zip,
        billing zip postal code, address zip code, postleitzahl geschaftlich, お届け先郵便番号, τκ,
        ταχυδρομικος κωδικας
    """,
    "lifetime_value": """
        lifetime value, ltv, clv, customer lifetime value, total spent, total spend, money spent, total revenue,
        revenue, historic customer lifetime value, historic clv, total order value, amount spent,
        lifetime revenue, total sales, total amount, spent, lifetime spend, gesamtumsatz, umsatz,
        warenwert gesamt, chiffre d affaires, total depense, ca total, total des achats, ventes, gasto total,
        total gastado, facturacion, fatturato, spesa totale, totale speso, total gasto, faturamento, omzet,
        totale omzet, totaal besteed, wydana kwota, obrot, suma zamowien, total omsattning, toplam harcama,
        累計購入金額, 購入金額, total revenue usd, lifetime amount, total volume, importe total,
        wartosc zamowien, total spent usd, totaal
    """,
    "orders_count": """
        orders count, order count, total orders, number of orders, orders, order number count, purchases,
        total purchases, purchase count, number of purchases, historic number of orders, transaction count,
        num orders, no of orders, transactions, bestellungen, anzahl bestellungen, anzahl der bestellungen,
        bestellanzahl, commandes, nombre de commandes, nb commandes, pedidos, numero de pedidos, total pedidos,
        ordini, numero ordini, numero di ordini, encomendas, aantal bestellingen, bestellingen, liczba zamowien,
        zamowienia, antal ordrar, ordrar, siparis sayisi, 購入回数, 注文回数, payment count, order total count,
        visits count purchases, n pedidos, no pedidos, ilosc zamowien
    """,
    "last_order_at": """
        last order date, last order, last purchase date, last purchase, last order at, date of last order,
        last purchased, most recent order, recent order date, date of last purchase, last transaction date,
        letzte bestellung, letzter kauf, letztes bestelldatum, datum letzte bestellung, derniere commande,
        date derniere commande, date de derniere commande, dernier achat, ultimo pedido, fecha ultimo pedido,
        ultima compra, fecha ultima compra, ultimo ordine, data ultimo ordine, ultimo acquisto,
        data da ultima compra, laatste bestelling, datum laatste bestelling, ostatnie zamowienie,
        data ostatniego zamowienia, senaste order, senaste kop, son siparis, son siparis tarihi, 最終購入日,
        last placed order, last order created at, last visit, last order placed at
    """,
    "created_at": """
        created at, created, profile created on, date created, creation date, create date, created date,
        created on, createdate, created time, signup date, sign up date, signed up at, signup at, sign up,
        registration date, registered, registered at, date registered, subscribed at, subscription date,
        subscribe date, date subscribed, subscribed on, subscribed, date added, added, added at, added on,
        date subscribed utc, optin time, opt in date, optin date, opt in time, confirm time, optin timestamp,
        customer since, first seen, join date, joined, joined at, member since, date joined, created utc,
        created at utc, entry date, created by date, first session, account created, start date, erstellt am,
        erstellt, erstellungsdatum, angelegt am, anmeldedatum, angemeldet am, registriert am,
        registrierungsdatum, anlagedatum, kunde seit, inscrit le, date d inscription, date inscription,
        inscription, date de creation, date creation, cree le, date d ajout, inscription le, fecha de alta,
        fecha alta, alta, fecha de registro, fecha registro, fecha de creacion, creado el, data iscrizione,
        data di iscrizione, data registrazione, data di registrazione, data creazione, iscritto il,
        data de cadastro, data cadastro, data de criacao, data de inscricao, criado em, aanmelddatum,
        aangemaakt op, aangemaakt, inschrijfdatum, datum aanmelding, ingeschreven op, data zapisu,
        data rejestracji, utworzono, data utworzenia, data dodania, skapad, registreringsdatum, skapad datum,
        luotu, kayit tarihi, olusturulma tarihi, 登録日, 登録日時, 作成日, дата регистрации, дата создания,
        注册时间, created at date, connected on, order date, ordered, added time, patronage since date, since,
        since date, signed up, registration, registrerad, アカウント作成日, レコード生成日時, uyelik tarihi,
        klant sinds, angemeldet, signup, data, kund sedan, cliente desde, client depuis, ημερομηνια εγγραφης
    """,
    "updated_at": """
        updated at, updated, last changed, last modified, last updated, modified, modified at,
        last modified date, update date, date updated, date modified, last update, changed at, updated on,
        updated date, modified on, last modified at, lastmodified, updated time, modified time,
        last modified time, geandert am, aktualisiert am, letzte anderung, zuletzt geandert, modifie le,
        date de modification, derniere modification, date modification, mis a jour le, fecha de modificacion,
        actualizado, ultima actualizacion, ultima modifica, data modifica, modificato il, atualizado em,
        ultima atualizacao, gewijzigd op, laatst gewijzigd, bijgewerkt, data modyfikacji, zaktualizowano,
        uppdaterad, senast andrad, muokattu, guncellenme tarihi, 更新日, 更新日時, дата изменения,
        profile last updated, last changed date, update utc, modified date, レコード更新日時, last updated on,
        date last updated, last update date
    """,
    TAGS: """
        tags, tag, labels, label, contact tags, customer tags, tag list, tagged, schlagworte, schlagworter,
        stichworte, etiquettes, mots cles, etiquetas, etichette, tagi, etykiety, taggar, etiketter, avainsanat,
        etiketler, タグ, теги, метки, 标签, group membership, categories, kategorien, segments labels
    """,
    LIST_STATUS: """
        email marketing consent, accepts email marketing, accepts marketing, email subscriber status,
        email marketing status, marketing status, subscription status, subscriber status, email status,
        email subscription, subscription state, subscribed to emails, email opt in status,
        marketing email consent, email opt in, email optin, optin status, opt in status, marketing permission,
        newsletter, newsletter status, newsletter subscription, status, state of subscription,
        subscribed status, unsubscribed, email opt out, has opted out of email, unsubscribed from all email,
        unsubscribed from emails, email subscribed, accepts newsletter, email permission status, global status,
        email subscription status, marketing opt in, opt in, optin, opted in, opt out, do not email, donotemail,
        subscribed to newsletter, consent, marketing consent, newsletter abonniert, newsletter anmeldung,
        newsletterstatus, abonnentenstatus, abonnement newsletter, statut, statut abonnement,
        inscrit newsletter, inscrit a la newsletter, estado suscripcion, estado de suscripcion, suscrito,
        suscripcion, boletin, acepta marketing, estado del suscriptor, iscritto, iscritto newsletter,
        stato iscrizione, stato, consenso marketing, consenso newsletter, aceita marketing, status da inscricao,
        inscrito, nieuwsbrief, ingeschreven, status abonnement, status subskrypcji, zgoda marketingowa,
        zgoda na newsletter, nyhetsbrev, prenumererar, samtycke, e posta izni, bulten, abonelik durumu,
        メルマガ, メルマガ購読, 配信状態, 購読状況, подписка, статус подписки, email preference,
        unsubscribed status, email blacklisted, email disabled, news, lettre d informations,
        lettre d information, dm可否, optin newsletter, email subscribe, subscribe type, subscriber type,
        acepta publicidad, estado, subscribe status
    """,
}
"""Phrases by target, apart by commas. `status` alone says little: the values decide."""

_LEFT_OUT = frozenset(
    """
    contact contacts customer subscriber person member user lead profile client kunde kunden kontakt
    cliente contacto contatto default primary main custom properties property attributes attribute
    traits fields field my your the mailing billing rechnung rechnungsadresse facturation facturacion
    fatturazione home business work office private privat personal geschaftlich bureau domicile
    domicilio address shipping location
    """.split()  # noqa: SIM905 (words are read more easily so)
)
"""Words that say whose value it is, not which."""

_SAYS_LITTLE = frozenset(
    """
    name id title status number date type code address state no nr value email mail data land label
    """.split()  # noqa: SIM905
)
"""Words that mean nothing certain where they are the last of several."""

_INVERTED = re.compile(
    r"unsubscri|blacklist|blocklist|disabled|suppress|"
    r"opt(ed)? ?out|optout|do ?not ?(e ?)?mail|abgemeldet|desabonn|baja|disiscri|uitgeschr"
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def plain(header: str) -> str:
    """A header without what says nothing: letter case, accents, punctuation, camel case."""
    spaced = _CAMEL.sub(" ", header)
    letters = "".join(letter for letter in normalize("NFKD", spaced.replace("ß", "ss")) if not combining(letter))
    # What was taken apart and is no accent of Latin letters belongs together: half of a kana is another one.
    if not letters.isascii():
        letters = normalize("NFC", normalize("NFKD", spaced)) if _has_kana(spaced) else letters
    letters = letters.replace("ł", "l").replace("Ł", "l").replace("ı", "i").replace("ø", "o").replace("Ø", "o")
    return " ".join(re.findall(r"[^\W_]+", letters.casefold()))


def _has_kana(text: str) -> bool:
    return any("\u3040" <= letter <= "\u30ff" for letter in text)


@cache
def _known() -> Mapping[str, Sequence[tuple[str, int]]]:
    """The targets of each phrase, and its place among those of each."""
    found: dict[str, dict[str, int]] = {}
    for target, text in _PHRASES.items():
        for place, phrase in enumerate(part.strip() for part in text.replace("\n", " ").split(",")):
            for form in (plain(phrase), plain(phrase).replace(" ", "")):
                found.setdefault(form, {}).setdefault(target, place)
    return {phrase: tuple(targets.items()) for phrase, targets in found.items()}


def meanings(header: str) -> list[tuple[str, float]]:
    """What a header may mean, with how sure that is (0 to 1) by its words alone; the likeliest first."""
    words = plain(header).split()
    without_brackets = plain(re.sub(r"[(\[{].*?[)\]}]", " ", header)).split()
    tries = [
        (words, 0.97),
        (without_brackets, 0.93),
        ([word for word in without_brackets if word not in _LEFT_OUT], 0.88),
        (words[1:] if len(words) > 1 and len(words[0]) == 1 else [], 0.86),  # cName, as some programs call columns
        (plain(re.split(r"[.:/|>]|\s-\s", header)[-1]).split(), 0.8),
        (without_brackets[-2:], 0.7),
        ([word for word in without_brackets[-1:] if word not in _SAYS_LITTLE], 0.6),
    ]
    found: dict[str, float] = {}
    for phrase, certainty in tries:
        for target, place in _known().get(" ".join(phrase)) or _known().get("".join(phrase)) or ():
            found.setdefault(target, certainty - min(place, 90) / 1000)
    return sorted(found.items(), key=lambda item: -item[1])


def is_inverted(header: str) -> bool:
    """Whether a header asks if somebody is not to be mailed: `yes` means unsubscribed then."""
    return _INVERTED.search(plain(header)) is not None
