"""What people are called, where they live, what they speak: one entry per country."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """A state or region: its time zone and postcode pattern (`#` is a digit, `@` a capital letter)."""

    state: str
    timezone: str
    postcode_pattern: str
    weight: int


@dataclass(frozen=True, slots=True)
class Country:
    """A country of the generated world.

    Names are ordered from common to rare; `native|latin` gives the spelling that e-mail addresses use.
    `languages` repeats a language in proportion to its speakers. `phone_prefix` is followed by eight digits.
    """

    code: str
    weight: int
    currency: str
    phone_prefix: str
    languages: tuple[str, ...]
    first_names: tuple[str, ...]
    last_names: tuple[str, ...]
    places: tuple[Place, ...]


def _country(*columns: str) -> Country:
    """Country read from its columns, each of space-separated words; places are `state|zone|postcode|weight;`."""
    code, weight, currency, phone, languages, first, last, places = columns
    rows = [entry.strip().split("|") for entry in places.split(";")]
    return Country(
        code=code,
        weight=int(weight),
        currency=currency,
        phone_prefix=phone,
        languages=tuple(languages.split()),
        first_names=tuple(first.split()),
        last_names=tuple(last.split()),
        places=tuple(Place(state, zone, pattern, int(share)) for state, zone, pattern, share in rows),
    )


COUNTRIES: tuple[Country, ...] = (
    _country(
        "US", "300", "USD", "+121", "en en en en en en es",
        "James Mary Michael Jennifer David Linda Olivia Liam Emma Noah Ashley José Tyler Aaliyah Zoë Brandon "
        "Mei Siobhán",
        "Smith Johnson Williams Brown Garcia Miller Davis Rodriguez Martinez Lee O'Brien Nguyen Patel Washington "
        "D'Angelo Núñez Kowalski McAllister",
        "CA|America/Los_Angeles|9####|12; NY|America/New_York|1####|7; TX|America/Chicago|7####|9;"
        "FL|America/New_York|3####|7; IL|America/Chicago|60###|4; CO|America/Denver|80###|2;"
        "WA|America/Los_Angeles|98###|3;"
        "AZ|America/Phoenix|85###|2; MI|America/Detroit|48###|3; HI|Pacific/Honolulu|967##|1;"
        "AK|America/Anchorage|995##|1",
    ),
    _country(
        "GB", "100", "GBP", "+4477", "en",
        "Oliver Amelia George Isla Harry Ava Muhammad Emily Jack Sophie Rhys Niamh Zoë Callum Ffion Priya",
        "Smith Jones Taylor Williams Brown Davies Evans Wilson Khan O'Neill MacDonald Hughes Patel Begum Llewellyn",
        "England|Europe/London|SW# #@@|10; Scotland|Europe/London|EH# #@@|2; Wales|Europe/London|CF## #@@|1;"
        "Northern Ireland|Europe/London|BT# #@@|1",
    ),
    _country(
        "DE", "100", "EUR", "+49151", "de de de de de de de tr en",
        "Lukas Anna Leon Lea Jürgen Sabine Maximilian Katharina Jörg Björn Käthe Thomas Ayşe Günther Sören Mia",
        "Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schäfer Koch Groß Yılmaz Krüger Strauß Jäger",
        "BY|Europe/Berlin|80###|5; BE|Europe/Berlin|10###|3; NW|Europe/Berlin|5####|6; HH|Europe/Berlin|20###|2;"
        "SN|Europe/Berlin|01###|2; BW|Europe/Berlin|70###|4",
    ),
    _country(
        "FR", "90", "EUR", "+336", "fr fr fr fr fr fr fr en",
        "Jean Marie Pierre Camille Léa Théo Chloé Élodie François Zoé Noël Hélène Gaëlle Mohamed Océane Benoît",
        "Martin Bernard Dubois Thomas Robert Petit Durand Lefèvre Moreau Girard N'Guyen Benoît Hébert L'Hermitte Faïd",
        "Île-de-France|Europe/Paris|75###|6; Auvergne-Rhône-Alpes|Europe/Paris|69###|4; Occitanie|Europe/Paris|31###|3;"
        "Bretagne|Europe/Paris|35###|2; La Réunion|Indian/Reunion|974##|1; Guadeloupe|America/Guadeloupe|971##|1",
    ),
    _country(
        "ES", "50", "EUR", "+346", "es es es es ca es eu",
        "María Antonio Carmen José Lucía Javier Begoña Íñigo Sofía Pablo Núria Jordi Álvaro Inés Iñaki",
        "García González Rodríguez Fernández López Martínez Sánchez Pérez Muñoz Ibáñez Peña Puig Yáñez Etxeberria",
        "Madrid|Europe/Madrid|28###|6; Cataluña|Europe/Madrid|08###|6; Andalucía|Europe/Madrid|41###|6;"
        "Canarias|Atlantic/Canary|35###|2; Ceuta|Africa/Ceuta|51###|1",
    ),
    _country(
        "IT", "50", "EUR", "+3934", "it it it it it it de",
        "Giuseppe Maria Marco Giulia Francesco Sofia Alessandro Chiara Niccolò Noemi Luca Elisa Matteo Francesca",
        "Rossi Russo Ferrari Esposito Bianchi Romano Colombo Ricci D'Amico Dell'Acqua Nicolò Greco De-Luca Fontana",
        "Lombardia|Europe/Rome|20###|5; Lazio|Europe/Rome|00###|4; Campania|Europe/Rome|80###|3;"
        "Sicilia|Europe/Rome|90###|3",
    ),
    _country(
        "NL", "30", "EUR", "+316", "nl nl nl nl nl en",
        "Daan Emma Sem Julia Lars Tess Zoë Bram Fenna Joël Anouk Thijs Noëlle Ruben",
        "Jansen Visser Bakker Smit Mulder Bos Vos Peters Hoekstra Dijkstra Kuipers IJzerman Coëlho",
        "Noord-Holland|Europe/Amsterdam|10## @@|4; Zuid-Holland|Europe/Amsterdam|30## @@|4;"
        "Utrecht|Europe/Amsterdam|35## @@|2",
    ),
    _country(
        "CA", "50", "CAD", "+141", "en en en fr-CA",
        "Liam Olivia Noah Charlotte William Émilie Félix Jade Ethan Zoé Logan Maëlle Jacob Océane Avery",
        "Smith Tremblay Brown Martin Roy Gagnon Côté Bouchard Singh Chen Lévesque MacKenzie Bélanger Wong",
        "ON|America/Toronto|M#@ #@#|6; QC|America/Toronto|H#@ #@#|4; BC|America/Vancouver|V#@ #@#|3;"
        "AB|America/Edmonton|T#@ #@#|2; MB|America/Winnipeg|R#@ #@#|1; NS|America/Halifax|B#@ #@#|1;"
        "NL|America/St_Johns|A#@ #@#|1",
    ),
    _country(
        "AU", "40", "AUD", "+614", "en en en en en zh",
        "Oliver Charlotte Jack Amelia Noah Matilda Lachlan Chloe Angus Saoirse Cooper Sienna Hamish Wei",
        "Smith Jones Williams Brown Wilson Taylor Nguyen Singh O'Connor Kelly Papadopoulos Chen Campbell",
        "NSW|Australia/Sydney|20##|6; VIC|Australia/Melbourne|30##|5; QLD|Australia/Brisbane|40##|4;"
        "WA|Australia/Perth|60##|2; SA|Australia/Adelaide|50##|2; NT|Australia/Darwin|08##|1;"
        "TAS|Australia/Hobart|70##|1",
    ),
    _country(
        "BR", "60", "USD", "+55119", "pt-BR pt-BR pt-BR pt-BR pt-BR pt-BR en",
        "Maria João Ana Antônio Letícia Luís Júlia Mateus Conceição Thiago Vitória André Íris Caio Valéria",
        "Silva Santos Oliveira Souza Rodrigues Ferreira Gonçalves Araújo Conceição Magalhães Simões Lima Brandão",
        "SP|America/Sao_Paulo|01###-###|7; RJ|America/Sao_Paulo|20###-###|4; BA|America/Bahia|40###-###|3;"
        "PE|America/Recife|50###-###|2; AM|America/Manaus|690##-###|1; AC|America/Rio_Branco|699##-###|1",
    ),
    _country(
        "IN", "60", "USD", "+9198", "en en hi hi ta te bn",
        "Aarav Priya Arjun Ananya Rohan Diya Vikram Kavya Rahul Lakshmi आरव|aarav प्रिया|priya Sanjay Meera Imran",
        "Sharma Patel Singh Kumar Gupta Reddy Iyer Nair Khan Das Chatterjee शर्मा|sharma Joshi Menon",
        "MH|Asia/Kolkata|400###|4; DL|Asia/Kolkata|110###|3; KA|Asia/Kolkata|560###|3; TN|Asia/Kolkata|600###|3;"
        "WB|Asia/Kolkata|700###|2",
    ),
    _country(
        "JP", "40", "USD", "+8190", "ja ja ja ja ja ja ja en",
        "さくら|sakura 蓮|ren 陽葵|himari 大翔|hiroto 結衣|yui 翔太|shota 美咲|misaki 健太|kenta 葵|aoi "
        "湊|minato ゆうこ|yuko 誠|makoto",
        "佐藤|sato 鈴木|suzuki 高橋|takahashi 田中|tanaka 伊藤|ito 渡辺|watanabe 山本|yamamoto 中村|nakamura "
        "小林|kobayashi 加藤|kato",
        "東京都|Asia/Tokyo|1##-00##|5; 大阪府|Asia/Tokyo|53#-00##|3; 北海道|Asia/Tokyo|06#-08##|2;"
        "福岡県|Asia/Tokyo|81#-00##|2",
    ),
    _country(
        "PL", "30", "EUR", "+485", "pl pl pl pl pl pl uk en",
        "Jan Anna Piotr Katarzyna Łukasz Małgorzata Michał Zofia Paweł Żaneta Stanisław Świętosława Bożena Jakub",
        "Nowak Kowalski Wiśniewska Wójcik Kamiński Lewandowska Zieliński Szymańska Dąbrowski Król Łuczak Żurek",
        "mazowieckie|Europe/Warsaw|00-###|4; małopolskie|Europe/Warsaw|30-###|3; śląskie|Europe/Warsaw|40-###|3;"
        "łódzkie|Europe/Warsaw|90-###|2",
    ),
    _country(
        "SE", "20", "EUR", "+467", "sv sv sv sv sv en",
        "Erik Anna Lars Alice Göran Åsa Björn Märta Johan Ebba Sören Örjan Elsa Håkan",
        "Andersson Johansson Karlsson Nilsson Eriksson Öberg Sjöström Lindström Åkesson Bergström Hägg Nyström",
        "AB|Europe/Stockholm|11# ##|4; O|Europe/Stockholm|41# ##|3; M|Europe/Stockholm|21# ##|2;"
        "BD|Europe/Stockholm|97# ##|1",
    ),
    _country(
        "MX", "40", "USD", "+5255", "es es es es es es es en",
        "José María Juan Guadalupe Luis Ximena Ángel Sofía Jesús Valentina Martín Itzel Raúl Concepción",
        "Hernández García Martínez López González Pérez Rodríguez Sánchez Ramírez Cruz Núñez Ordóñez Treviño",
        "CMX|America/Mexico_City|06###|5; JAL|America/Mexico_City|44###|3; NLE|America/Monterrey|64###|2;"
        "BCN|America/Tijuana|22###|2; SON|America/Hermosillo|83###|1; ROO|America/Cancun|77###|1",
    ),
    _country(
        "PT", "20", "EUR", "+3519", "pt pt pt pt pt pt en",
        "João Maria José Ana Tiago Inês Gonçalo Beatriz Simão Conceição Rui Luísa Nuno Mafalda",
        "Silva Santos Ferreira Pereira Oliveira Costa Gonçalves Simões Magalhães Guimarães Leitão Conceição",
        "Lisboa|Europe/Lisbon|1###-###|5; Porto|Europe/Lisbon|4###-###|4; Madeira|Atlantic/Madeira|90##-###|1;"
        "Açores|Atlantic/Azores|95##-###|1",
    ),
    _country(
        "CH", "20", "CHF", "+417", "de de de de de de fr fr it",
        "Noah Mia Luca Emma Urs Regula Jérôme Céline Beat Zoé Reto Léonie Matteo Anaïs",
        "Müller Meier Schmid Keller Weber Favre Rochat Zürcher Bühler Bernasconi Jäggi Nüssli",
        "ZH|Europe/Zurich|80##|4; GE|Europe/Zurich|12##|2; BE|Europe/Zurich|30##|3; TI|Europe/Zurich|69##|1",
    ),
    _country(
        "UA", "20", "EUR", "+3806", "uk uk uk uk uk ru en",
        "Олександр|oleksandr Марія|mariia Андрій|andrii Софія|sofiia Дмитро|dmytro Ганна|hanna Ігор|ihor "
        "Юлія|yuliia Їжак|yizhak",
        "Мельник|melnyk Шевченко|shevchenko Коваленко|kovalenko Бондар|bondar Ткачук|tkachuk Кравець|kravets "
        "Ґудзь|gudz",
        "Київ|Europe/Kyiv|01###|4; Львівська|Europe/Kyiv|79###|3; Одеська|Europe/Kyiv|65###|2",
    ),
    _country(
        "GR", "15", "EUR", "+3069", "el el el el el en",
        "Γιώργος|giorgos Μαρία|maria Δημήτρης|dimitris Ελένη|eleni Κώστας|kostas Αικατερίνη|aikaterini "
        "Νίκος|nikos Σοφία|sofia",
        "Παπαδόπουλος|papadopoulos Βλάχος|vlachos Αγγελόπουλος|angelopoulos Νικολάου|nikolaou "
        "Οικονόμου|oikonomou Γεωργίου|georgiou",
        "Αττική|Europe/Athens|10# ##|4; Κεντρική Μακεδονία|Europe/Athens|54# ##|2; Κρήτη|Europe/Athens|71# ##|1",
    ),
    _country(
        "KR", "20", "USD", "+8210", "ko ko ko ko ko ko en",
        "민준|minjun 서연|seoyeon 지훈|jihun 하은|haeun 도윤|doyun 수빈|subin 현우|hyeonu 지우|jiu 은지|eunji",
        "김|kim 이|lee 박|park 최|choi 정|jung 강|kang 조|cho 윤|yoon 장|jang",
        "서울|Asia/Seoul|0####|5; 부산|Asia/Seoul|46###|3; 제주|Asia/Seoul|63###|1",
    ),
    _country(
        "IE", "15", "EUR", "+3538", "en en en en en ga",
        "Jack Emily Conor Aoife Seán Saoirse Pádraig Niamh Cillian Caoimhe Oisín Gráinne Róisín Eoin",
        "Murphy O'Sullivan Kelly Walsh O'Connor Byrne Ryan O'Neill Doyle Ní-Bhriain Gallagher McCarthy",
        "Leinster|Europe/Dublin|D## @###|4; Munster|Europe/Dublin|T## @###|3; Connacht|Europe/Dublin|H## @###|1",
    ),
    _country(
        "NG", "20", "USD", "+23480", "en en en yo ha ig",
        "Chinedu Ngozi Oluwaseun Aisha Emeka Fatima Tunde Chioma Olúfẹ́mi Adébáyọ̀ Musa Ifeoma",
        "Okafor Adeyemi Ibrahim Eze Balogun Musa Okonkwo Abubakar Adébáyọ̀ Nwosu Danjuma Ọbáfẹ́mi",
        "Lagos|Africa/Lagos|10####|4; FCT|Africa/Lagos|90####|2; Kano|Africa/Lagos|70####|2",
    ),
)  # fmt: skip

JOB_TITLES: tuple[str, ...] = (
    "Software Engineer", "Teacher", "Nurse", "Sales Manager", "Accountant", "Marketing Manager", "Data Analyst",
    "Designer", "Product Manager", "Student", "Founder", "Chief Executive Officer", "Project Manager", "Consultant",
    "Electrician", "Head of Growth", "HR Business Partner", "Geschäftsführer", "Développeuse", "Ingeniero", "R&D Lead",
    "Journalist", "Architect", "VP of Sales", "Office Manager", "Chef de projet", "100% retired", "Freelancer",
)  # fmt: skip
