using Abi.Database.Text;

namespace Abi.Database.Tests.Text;

public sealed class EnglishStemmerTests
{
    /// <summary>Pairs from the sample vocabulary of the definition, its lists of exceptions, and its rules one by one.</summary>
    [TestCase("consign consigned consigning consignment", "consign")]
    [TestCase("consist consisted consistency consistent consistently consisting consists", "consist")]
    [TestCase("consolation consolations", "consol")]
    [TestCase("consolatory", "consolatori")]
    [TestCase("consolidate consolidated consolidating", "consolid")]
    [TestCase("knack knackeries knacks", "knack knackeri knack")]
    [TestCase("knavish knead kneaded kneading knees knelt knew knick knif knife knight knightly knights knit knitted knives knob knotted", "knavish knead knead knead knee knelt knew knick knif knife knight knight knight knit knit knive knob knot")]
    [TestCase("caresses ponies ties cries gas this gaps kiwis", "caress poni tie cri gas this gap kiwi")]
    [TestCase("skis skies dying lying tying idly gently ugly early only singly", "ski sky die lie tie idl gentl ugli earli onli singl")]
    [TestCase("sky news howe atlas cosmos bias andes", "sky news howe atlas cosmos bias andes")]
    [TestCase("inning outing canning herring earring proceed exceed succeed", "inning outing canning herring earring proceed exceed succeed")]
    [TestCase("innings proceeds", "inning proceed")]
    [TestCase("feed agreed bled motoring sing luxuriated troubled sized hopping tanned falling hissing fizzed failing filing hoping", "feed agre bled motor sing luxuri troubl size hop tan fall hiss fizz fail file hope")]
    [TestCase("happy sky cry by say enjoy", "happi sky cri by say enjoy")]
    [TestCase("relational conditional rational valenci hesitanci digitizer radicalli differentli vileli analogousli", "relat condit ration valenc hesit digit radic differ vile analog")]
    [TestCase("vietnamization predication operator feudalism decisiveness hopefulness callousness formaliti sensitiviti sensibiliti analogy", "vietnam predic oper feudal decis hope callous formal sensit sensibl analog")]
    [TestCase("triplicate formative formalize electriciti electrical hopeful goodness", "triplic format formal electr electr hope good")]
    [TestCase("revival allowance inference airliner gyroscopic adjustable defensible irritant replacement adjustment dependent adoption communism activate angulariti homologous effective bowdlerize", "reviv allow infer airlin gyroscop adjust defens irrit replac adjust depend adopt communism activ angular homolog effect bowdler")]
    [TestCase("probate rate cease controll roll", "probat rate ceas control roll")]
    [TestCase("generate generates general generous communication communal arsenal arsenic", "generat generat general generous communic communal arsenal arsenic")]
    [TestCase("boy's dogs' 'tis youth saying yes yeast", "boy dog tis youth say yes yeast")]
    [TestCase("as a be ünïted iphone6s", "as a be ünïted iphone6s")]
    [TestCase("naysayers aed", "naysay a")]
    public void WordsHaveTheStemsOfTheDefinition(string words, string stems)
    {
        var all = words.Split(' ');
        Assert.That(all.Select(EnglishStemmer.Stem), Is.EqualTo(stems.Split(' ') is { Length: > 1 } each ? each : Enumerable.Repeat(stems, all.Length)));
    }
}
