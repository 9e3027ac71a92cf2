namespace Abi.Database;

/// <summary>How the words of a text field are reduced to stems before they are indexed and searched.</summary>
public enum Stemming
{
    /// <summary>Not at all: words are found as they stand.</summary>
    None,

    /// <summary>English, by Porter's second stemmer (the Snowball "English" stemmer): "connected" and "connection" are both found by "connect".</summary>
    English,
}
