using System.Collections.Frozen;
using System.Text;

namespace Abi.Database.Text;

/// <summary>
/// Makes words that look the same the same: letters and marks become the composed letters of Unicode's normalization form C (Latin, Greek, Cyrillic and other letters below U+2000), letters of full
/// width and ligatures plain ones. Of our own because the framework normalizes nothing where it runs without culture data.
/// </summary>
internal static class Composition
{
    // By mark: letters and what they become with it, for words in lower case.
    private static readonly FrozenDictionary<char, string> ByMark = new Dictionary<char, string>
    {
        ['\u0300'] = "aàeèiìoòuùüǜnǹеѐиѝēḕōṑwẁâầăằêềôồơờưừyỳἀἂἁἃἐἒἑἓἠἢἡἣἰἲἱἳὀὂὁὃὐὒὑὓὠὢὡὣαὰεὲηὴιὶοὸυὺωὼ\u1FBF\u1FCDϊῒ\u1FFE\u1FDDϋῢ\u00A8\u1FED",
        ['\u0301'] = "aáeéiíoóuúyýcćlĺnńrŕsśzźüǘgǵåǻæǽøǿ\u00A8\u0385ϊΐαάεέηήιίϋΰοόυύωώϒϓгѓкќçḉēḗïḯkḱmḿõṍōṓpṕũṹwẃâấăắêếôốơớưứἀἄἁἅἐἔἑἕἠἤἡἥἰἴἱἵὀὄὁὅὐὔὑὕὠὤὡὥ\u1FBF\u1FCE\u1FFE\u1FDE",
        ['\u0302'] = "aâeêiîoôuûcĉgĝhĥjĵsŝwŵyŷzẑạậẹệọộ",
        ['\u0303'] = "aãnñoõiĩuũvṽâẫăẵeẽêễôỗơỡưữyỹ",
        ['\u0304'] = "aāeēiīoōuūüǖäǟȧǡæǣǫǭöȫõȭȯȱyȳиӣуӯgḡḷḹṛṝαᾱιῑυῡ",
        ['\u0306'] = "aăeĕgğiĭoŏuŭийуўжӂаӑеӗȩḝạặαᾰιῐυῠ",
        ['\u0307'] = "cċeėgġzżaȧoȯbḃdḋfḟhḣmṁnṅpṗrṙsṡśṥšṧṣṩtṫwẇxẋyẏſẛ",
        ['\u0308'] = "aäeëiïoöuüyÿιϊυϋϒϔеёіїаӓәӛжӝзӟиӥоӧөӫэӭуӱчӵыӹhḧõṏūṻwẅxẍtẗ",
        ['\u0309'] = "aảâẩăẳeẻêểiỉoỏôổơởuủưửyỷ",
        ['\u030A'] = "aåuůwẘyẙ",
        ['\u030B'] = "oőuűуӳ",
        ['\u030C'] = "cčdďeělľnňrřsštťzžaǎiǐoǒuǔüǚgǧkǩʒǯjǰhȟ",
        ['\u030F'] = "aȁeȅiȉoȍrȑuȕѵѷ",
        ['\u0311'] = "aȃeȇiȋoȏrȓuȗ",
        ['\u0313'] = "αἀεἐηἠιἰοὀυὐωὠρῤ",
        ['\u0314'] = "αἁεἑηἡιἱοὁυὑωὡρῥ",
        ['\u031B'] = "oơuư",
        ['\u0323'] = "bḅdḍhḥkḳlḷmṃnṇrṛsṣtṭvṿwẉzẓaạeẹiịoọơợuụưựyỵ",
        ['\u0324'] = "uṳ",
        ['\u0325'] = "aḁ",
        ['\u0326'] = "sștț",
        ['\u0327'] = "cçgģkķlļnņrŗsştţeȩdḑhḩ",
        ['\u0328'] = "aąeęiįuųoǫ",
        ['\u032D'] = "dḓeḙlḽnṋtṱuṷ",
        ['\u032E'] = "hḫ",
        ['\u0330'] = "eḛiḭuṵ",
        ['\u0331'] = "bḇdḏkḵlḻnṉrṟtṯzẕhẖ",
        ['\u0342'] = "ἀἆἁἇἠἦἡἧἰἶἱἷὐὖὑὗὠὦὡὧαᾶ\u00A8\u1FC1ηῆ\u1FBF\u1FCFιῖϊῗ\u1FFE\u1FDFυῦϋῧωῶ",
        ['\u0345'] = "ἀᾀἁᾁἂᾂἃᾃἄᾄἅᾅἆᾆἇᾇἠᾐἡᾑἢᾒἣᾓἤᾔἥᾕἦᾖἧᾗὠᾠὡᾡὢᾢὣᾣὤᾤὥᾥὦᾦὧᾧὰᾲαᾳάᾴᾶᾷὴῂηῃήῄῆῇὼῲωῳώῴῶῷ",
        ['\u0653'] = "\u0627\u0622",
        ['\u0654'] = "\u0627\u0623\u0648\u0624\u064A\u0626\u06D5\u06C0\u06C1\u06C2\u06D2\u06D3",
        ['\u0655'] = "\u0627\u0625",
        ['\u093C'] = "नऩरऱळऴ",
        ['\u0C56'] = "\u0C46\u0C48",
        ['\u0DCA'] = "\u0DD9\u0DDA\u0DDC\u0DDD",
    }.ToFrozenDictionary();

    private static readonly string[] Ligatures = ["ff", "fi", "fl", "ffi", "ffl", "st", "st"]; // from U+FB00

    /// <summary>A word in lower case, composed.</summary>
    public static string Compose(string word)
    {
        var text = new StringBuilder(word.Length);
        var letters = word.ToCharArray();
        Order(letters);
        foreach (var c in letters)
        {
            if (ByMark.TryGetValue(c, out var pairs) && text.Length > 0 && Find(pairs, text[^1]) is var composed and not '\0')
            {
                text[^1] = composed;
            }
            else if (c is >= '\uFB00' and <= '\uFB06')
            {
                text.Append(Ligatures[c - '\uFB00']);
            }
            else
            {
                text.Append(c is >= '\uFF01' and <= '\uFF5E' ? (char)(c - '\uFF01' + '!') : c);
            }
        }

        return text.ToString();
    }

    // Marks below a letter stand before those above it, as the composed letters are made.
    private static void Order(Span<char> letters)
    {
        for (var i = 1; i < letters.Length; i++)
        {
            for (var at = i; at > 0 && IsBelow(letters[at]) && ByMark.ContainsKey(letters[at - 1]) && !IsBelow(letters[at - 1]); at--)
            {
                (letters[at - 1], letters[at]) = (letters[at], letters[at - 1]);
            }
        }
    }

    private static bool IsBelow(char c) => c is '\u031B' or (>= '\u0323' and <= '\u0333') or '\u0345';

    private static char Find(string pairs, char letter)
    {
        for (var i = 0; i < pairs.Length; i += 2)
        {
            if (pairs[i] == letter)
            {
                return pairs[i + 1];
            }
        }

        return '\0';
    }
}
