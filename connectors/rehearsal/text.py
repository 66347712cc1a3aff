"""What people write into tickets: several scripts, line breaks, code, quotes, and the signs that parsers trip over."""

from __future__ import annotations

import random

_SUBJECTS = (
    "Laptop does not wake from sleep",
    "VPN drops every 20 minutes",
    'Printer says "paper jam" but there is none',
    "Cannot open shared mailbox <finance>",
    "Password reset mail never arrives",
    "ERP posting fails with code {42}",
    "Disk is 97 % full on db-07",
    "Wi-Fi slow on the 3rd floor ^ since Monday",
    "Meeting room screen stays black 🖥️",
    "Request: licence for the CAD tool",
    "Drucker im Lager druckt nur Leerseiten",
    "Anmeldung schlägt fehl: »Konto gesperrt«",
    "Outlook stürzt beim Öffnen großer Anhänge ab",
    "Няма достъп до споделената папка",
    "Телефонът не се свързва с VPN",
    "Бавна справка в счетоводната система",
    "Ο εκτυπωτής δεν ανταποκρίνεται",
    "Αδυναμία σύνδεσης στο ηλεκτρονικό ταχυδρομείο",
    "لا يمكن الدخول إلى البريد الإلكتروني",
    "الشاشة لا تعمل بعد التحديث",
    "המחשב נתקע אחרי עדכון",
    "אין גישה לתיקיית הצוות",
    "プリンターがオフラインと表示される",
    "会議室の映像が映らない",
    "ईमेल खोलने में समस्या",
    "लैपटॉप बहुत धीमा चल रहा है",
)

_SENTENCES = (
    "It worked yesterday and nobody changed anything, as far as we know.",
    "Restarting helps for an hour, then the same again.",
    'The message reads: "The operation couldn\'t be completed. (error 0x80070035)".',
    "Tried another cable, another port and another user: no difference.",
    "Please call me back before 16:00, I am in the workshop after that.",
    "Only happens when the file name has a ^ or an & in it.",
    "The template shows {customer.name} instead of the name, and <b>bold</b> as text.",
    "Backslashes too: \\\\files\\team\\2026 is not found, C:\\Temp is.",
    "Seit dem Update gestern Abend geht gar nichts mehr – bitte dringend prüfen!",
    "Die Fehlermeldung lautet »Zugriff verweigert«, obwohl die Rechte stimmen.",
    "Моля, проверете правата – колегите от същия отдел нямат проблем.",
    "Опитах от друг компютър и резултатът е същият.",
    "Το πρόβλημα εμφανίζεται μόνο το πρωί, όταν συνδέονται όλοι.",
    "Δοκίμασα επανεκκίνηση χωρίς αποτέλεσμα.",
    'المشكلة تظهر عند فتح الملفات الكبيرة فقط، والرسالة تقول: "انتهت المهلة".',
    "جربت جهازًا آخر (رقم 12) ولم يتغير شيء.",
    "הבעיה מופיעה רק ברשת של המשרד, מהבית הכול עובד (VPN).",
    "ניסיתי להפעיל מחדש פעמיים.",
    "昨日の更新後から起動に10分以上かかります。",
    "再起動しても改善しませんでした。至急確認をお願いします。",
    "यह समस्या केवल कार्यालय के नेटवर्क पर होती है।",
    "कृपया जल्द से जल्द जाँच करें, धन्यवाद।",
    "Everyone on the floor is affected 😤 – the café corner too ☕️. Thanks 🙏🏽 team 👩‍💻!",
    "Figures: 1.234,56 € in the old report, 1,234.56 in the new one; −3 °C in the server room.",
)

_BLOCKS = (
    "Traceback:\n  File \"report.py\", line 7, in run\n    total = sum(row['net'] for row in rows)\nKeyError: 'net'",
    "SELECT id, name\nFROM assets\nWHERE name LIKE '%^%' AND id <> 0;",
    "1. open the form\n2. type a name\n3. press Save\n\nExpected: saved\nActual: nothing happens",
    "* checked the cable\n* checked the port\n* asked next door",
    '{"status": "error", "items": [], "hint": null}',
    '<form action="save">\n\t<input name=\'q\' value="a&amp;b">\n</form>',
    "Regards\n--\nService desk, building C",
)

_NOTES = (
    "Called the user, no answer. Will try again tomorrow.",
    "Replaced the power supply; the user is testing.",
    "Waiting for the vendor, reference V-20417.",
    "Rolled back the driver.\nPlease confirm that it works now.",
    "Works for me. [code]<b>Closed as a duplicate?</b>[/code]",
    "Bitte noch einmal testen, der Dienst wurde neu gestartet.",
    "Проверено: правата са коригирани.",
    "Έγινε επανεκκίνηση της υπηρεσίας.",
    "تم تحديث التعريف، يرجى التأكيد.",
    "הוחלף כבל, נא לבדוק.",
    "ドライバーを更新しました。ご確認ください。",
    "सेवा पुनः आरंभ की गई है।",
    "👍 solved, thank you!",
    "See https://example.com/kb/1042?x=1&y=2 for the work-around.",
)

CLOSE_NOTES = (
    "Solved by restarting the service.",
    "Rechte korrigiert, Benutzer hat bestätigt.",
    "Сменен кабел.",
    "ドライバーを更新。",
    "User error; explained by phone.",
)


class Texts:
    """A pool of texts: built once per seed and shared, so that many records cost little memory."""

    def __init__(self, seed: int, size: int = 600) -> None:
        self._random = random.Random(f"text:{seed}")
        self.subjects = [self._subject() for _ in range(size)]
        self.descriptions = [self._description(number) for number in range(size)]
        self.notes = [self._note() for _ in range(size)]

    def _subject(self) -> str:
        subject = self._random.choice(_SUBJECTS)
        return subject if self._random.random() < 0.4 else f"{subject} ({self._random.randint(100, 999)})"

    def _description(self, number: int) -> str:
        if number % 60 == 59:
            return self._long(4000)
        if number % 25 == 24:
            return ""
        parts = [" ".join(self._random.sample(_SENTENCES, self._random.randint(1, 4)))]
        if self._random.random() < 0.3:
            parts.append(self._random.choice(_BLOCKS))
        if self._random.random() < 0.2:
            parts.append(self._random.choice(_SENTENCES))
        return "\n\n".join(parts)

    def _long(self, length: int) -> str:
        text = ""
        while len(text) < length:
            text += self._random.choice(_SENTENCES) + self._random.choice((" ", "\n", "\n\n"))
        return text[: length - 1] + "."

    def _note(self) -> str:
        note = self._random.choice(_NOTES)
        return f"{note} {self._random.choice(_SENTENCES)}" if self._random.random() < 0.3 else note
