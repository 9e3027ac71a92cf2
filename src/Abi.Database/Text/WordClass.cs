namespace Abi.Database.Text;

/// <summary>What a character is to the rules of word boundaries (the Word_Break property of UAX #29).</summary>
internal enum WordClass
{
    /// <summary>A boundary on both sides.</summary>
    Other,
    CarriageReturn,
    LineFeed,
    Newline,

    /// <summary>Belongs to the character before it: marks, joiners, format characters.</summary>
    Extend,
    Joiner,
    RegionalIndicator,
    Katakana,
    HebrewLetter,
    Letter,
    SingleQuote,
    DoubleQuote,
    MidNumLet,
    MidLetter,
    MidNum,
    Numeric,
    ExtendNumLet,
    Space,

    /// <summary>Of a script that writes without spaces: a word of its own. (Other, to UAX #29.)</summary>
    Alone,
}
