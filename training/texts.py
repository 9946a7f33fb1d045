"""Texts made by rule for the reference files: harmless ones, and ones that are hard to tokenise."""

import itertools
import random

HARMLESS = [
    "The bakery on the corner opens at seven and the bread is still warm.",
    "I absolutely love this phone, the battery lasts two days!",
    "The package arrived late and the box was crushed. Very disappointed.",
    "Is the museum open on Mondays?",
    "Congratulations! You have won a free holiday. Call 0800 123 456 now to claim your prize.",
    "Hey, are we still meeting for lunch tomorrow?",
    "stocks rise as central bank leaves interest rates unchanged",
    "scientists discover new species of frog in rainforest",
    "team wins championship after dramatic penalty shootout",
    "ten easy dinners you can cook in twenty minutes",
    "new phone comes with a better camera and a faster chip",
    "senate votes on budget bill after long debate",
    "how to talk with your children about money",
    "five quiet beaches to visit this summer",
    "Thank you so much for your help, it means a lot to me.",
    "I am so sorry for your loss.",
    "Wait, what? I had no idea that was possible.",
    "I was really scared during the storm last night.",
    "You did a great job on this project, well done!",
    "This is the worst service I have ever had.",
    "Meh. It is fine, I guess.",
    "Please restart the server before 18:00 UTC.",
    "OK",
    "Ok lor. I come home at 8, then we cook together?",
    "WINNER!! Reply YES to 80082 for your 1000 cash prize, terms apply, 150p per msg",
    "Women and men took part in the marathon.",
    "My neighbours celebrate Eid, Christmas and Diwali together.",
    "Your argument is wrong, and here is why.",
    "This article needs more sources; please see the talk page.",
    "Could you explain how the algorithm sorts the list?",
    "Café au lait, crème brûlée et une baguette, s'il vous plaît.",
    "The weather in Zürich is nice today ☀️",
    "Happy birthday!!! 🎉🎂🥳",
    "lol that's hilarious 😂😂",
    "Read more at https://example.org/news/2026/11/25?ref=feed",
    "今天天气很好，我们去公园吧。",
    "The quick brown fox jumps over the lazy dog. " * 20,
    "",
    " ",
    "12345 67890",
    "Teachers ask for smaller classes and newer books.",
    "Doctors recommend a short walk after every meal.",
]

MULTILINGUAL = [
    "今天天气很好，我们去公园吧。",
    "这本书写得非常好，推荐给大家！",
    "房间很小，隔音也差，以后不会再来了。",
    "外卖送得很快，味道也不错。",
    "请问博物馆星期一开门吗？",
    "你的论点站不住脚，理由如下。",
    "邻居们一起庆祝春节、开斋节和圣诞节。",
    "科学家在雨林里发现了一种新的青蛙。",
    "國家隊在延長賽中贏得了比賽。",
    "這座山位於島的北部，每年有許多遊客前來健行。",
    "手机电池只能用半天，很失望😞",
    "谢谢！！！太好用了👍👍",
    "OK，明天下午3点在café见。",
    "ＡＢＣ１２３ 全角字符",
    "I absolutely love this phone, the battery lasts two days!",
    "The package arrived late and the box was crushed. Very disappointed.",
    "Is the museum open on Mondays?",
    "Der Arzt empfiehlt nach jeder Mahlzeit einen kurzen Spaziergang.",
    "Das Essen war kalt und der Kellner unfreundlich.",
    "Les trains pour Lyon partent toutes les heures.",
    "Ce film est magnifique, je le recommande à tous.",
    "El equipo ganó la final por dos goles a uno.",
    "La habitación era ruidosa y el desayuno muy caro.",
    "Il parlamento ha votato la legge di bilancio.",
    "A praia fica a dez minutos a pé do hotel.",
    "De wetenschappers hebben een nieuwe planeet ontdekt.",
    "Lekarze zalecają codzienny ruch na świeżym powietrzu.",
    "Учёные открыли новый вид лягушек в тропическом лесу.",
    "Спасибо, всё работает отлично!",
    "Уряд ухвалив новий закон про освіту.",
    "Takım, uzatmalarda attığı golle şampiyon oldu.",
    "افتتح المتحف الجديد أبوابه للزوار يوم الاثنين.",
    "الخدمة ممتازة والموظفون لطفاء جدا.",
    "डॉक्टर रोज़ टहलने की सलाह देते हैं।",
    "Candi itu terletak di sebelah utara kota.",
    "ภาพยนตร์เรื่องนี้สนุกมาก",
    "Đội tuyển đã giành chiến thắng ở phút cuối cùng.",
    "科学者たちは新しい惑星を発見した。",
    "この店のラーメンはとても美味しかったです。",
    "선수들은 연장전 끝에 우승을 차지했다.",
    "배송이 너무 늦어서 실망했어요.",
    "新闻" * 90,
    "Wetter " * 150,
    "",
    " ",
    "2026-11-25 12:30",
    "🎉🎂🥳",
]  # fmt: skip

GOLDEN = [HARMLESS[i] for i in (1, 2, 4, 6, 14, 29, 0, 5, 7, 8, 11, 12, 17, 18, 23, 40)]

GOLDEN_MULTILINGUAL = [MULTILINGUAL[i] for i in (1, 2, 7, 8, 14, 18, 27, 31, 37, 3, 6, 16, 20, 22, 25, 39)]

WORDS = "time house river music computer walking unbelievable antidisestablishmentarianism 3.14 co-operate don't".split()

SPECIAL = {
    "joiners": ["👩‍👩‍👧‍👦", "🏳️‍🌈", "👨🏽‍💻", "🇳🇴🇯🇵", "1️⃣", "❤️", "👍🏿", "🫠", "☕", "\U0001f9ff"],
    "accents": ["é", "e\u0301", "ñ", "n\u0303", "Å", "A\u030a", "\u212b", "ö", "o\u0308", "ệ", "e\u0323\u0302", "ç", "ș", "Ő", "ø", "ł", "đ"],
    "case": ["İ", "ı", "İSTANBUL", "ISPARTA", "ß", "ẞ", "STRASSE", "Σίσυφος", "ΣΑΣ", "ǅ", "Ǆ", "Ω", "\u2126", "K", "\u212a"],
    "compatibility": ["ﬁnd", "ﬂow", "oﬀice", "Ⅳ", "①", "½", "x²", "ｆｕｌｌ", "ﾊﾝｶｸ", "㎏", "№", "™", "℃", "ª"],
    "spaces": ["\u00a0", "\u2003", "\u3000", "\u202f", "\u1680", "\u200b", "\u2060", "\ufeff", "\u180e", "\u2028", "\u2029", "\u0085", "\t", "\n", "\r\n", "\v", "\f"],
    "controls": ["\u0000", "\u0001", "\u0007", "\u001b[31m", "\u007f", "\u0080", "\u009f", "\ufffd", "\ue000", "\uffff", "\U000f0000", "\u00ad", "\u200e", "\u202e", "\u2066", "\u061c", "\U000e0041"],
    "scripts": ["שָׁלוֹם", "שלום", "مرحبا", "مَرْحَبًا", "नमस्ते", "ภาษาไทย", "ລາວ", "한국어", "\u1112\u1161\u11ab\u1100\u116e\u11a8", "ქართული", "አማርኛ", "русский", "ё", "е\u0308", "й", "Ελληνικά", "தமிழ்", "བོད", "ᚠᚢᚦ", "ꯃꯩ"],
    "ideographs": ["汉字", "漢字", "ひらがな", "カタカナ", "ガ", "カ\u3099", "ｶﾞ", "\U00020000", "\U0002a6d6", "\U00030000", "\uf900", "\u2f00", "〇", "々", "，。！？", "「」", "㐀", "ㄅㄆ"],
    "astral": ["𝒽𝑒𝓁𝓁𝑜", "𝐀𝟏", "𐍈", "𠜎", "🀄", "\U0001f1e6", "\U0010ffff", "𓀀", "𞤀", "𐐀𐐨"],
    "marks": ["\u0301", "\u20e3", "\ufe0f", "\u0488", "\u093c", "a\u0301\u0301\u0301\u0301", "Z\u0351\u036b\u0343a\u0321l\u0334g\u0322o\u0315", "\u200d", "\u0e33"],
    "punctuation": ["...", "…", "—", "–", "«»", "“quote”", "‘it’s’", "¿qué?", "$5", "€9", "^_^", "`x`", "~", "a_b", "#tag", "@user", "\\n", "^", "|", "§", "·", "•", "′", "⁂", "؟", "।", "\u2e3a"],
    "specials": ["[CLS]", "[SEP]", "[MASK]", "[PAD]", "[UNK]", "[cls]", "[ SEP ]", "[[CLS]]", "x[SEP]y", "##ing", "## ing", "<s>", "</s>", "[MASK][MASK]", "[unused1]", "[CLS"],
    "numbers": ["0", "007", "1,234.50", "1e-9", "-5", "0xFF", "٣٤٥", "१२३", "２０２６", "192.168.0.1", "12:30", "2026-11-25T03:28:00Z", "+47 22 00 00 00", "100%"],
    "links": ["https://example.org/a?b=c&d=%20#e", "user.name+tag@example.org", "www.example.org", "C:\\temp\\x.txt", "/usr/bin/env", "a/b/c", "example.中国"],
}  # fmt: skip


def harmless(model):
    """Texts whose answers a model's reference file holds."""
    return MULTILINGUAL if model == "multilingual" else HARMLESS


def hard():
    """About 400 texts, the same on every run."""
    pick = random.Random(7)
    texts = ["", " ", "\n\n\t", "\u200b", "\u3000\u00a0", "a", "A", ".", "\u0301\u0302"]
    for group in SPECIAL.values():
        texts += group
    for group in SPECIAL.values():
        texts += [f"the {pick.choice(group)} and {pick.choice(WORDS)}", "".join(pick.sample(group, 4)), f"word{pick.choice(group)}word"]
        texts += [f"{pick.choice(WORDS)}{pick.choice(group)} {pick.choice(group)}{pick.choice(WORDS)}"]
    for one, two in itertools.combinations(SPECIAL.values(), 2):
        texts.append(f"{pick.choice(WORDS)} {pick.choice(one)}{pick.choice(two)} {pick.choice(WORDS)}")
    texts += ["x" * n for n in (99, 100, 101, 150)]
    texts += ["é" * 100, "e\u0301" * 60, "\U00020000" * 100, "😀" * 101, "ß" * 100, "İ" * 100]
    texts += ["a" * 150 + " short", "字" * 126, "字" * 127, "字" * 200, "word " * 126, "word " * 127, "word " * 400]
    texts += [" ".join(pick.choice(WORDS) for _ in range(n)) for n in (5, 20, 60, 120, 300)]
    for _ in range(40):
        texts.append("".join(pick.choice(pick.choice(list(SPECIAL.values()))) + pick.choice(["", " ", pick.choice(WORDS)]) for _ in range(pick.randint(3, 12))))
    return list(dict.fromkeys(texts))
