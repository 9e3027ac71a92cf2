using Abi.Cli.CommandLine;
using Abi.Cli.Databases;
using Abi.Database;

namespace Abi.Cli.Tests.Databases;

public sealed class FilterParserTests
{
    private static readonly CollectionDefinition Definition = new()
    {
        Data =
        [
            new DataField("topic", DataKind.Text), new DataField("stars", DataKind.Integer), new DataField("price", DataKind.Number), new DataField("isNew", DataKind.Boolean), new DataField("at", DataKind.Date),
            new DataField("tags", DataKind.TextArray), new DataField("odd name", DataKind.Text), new DataField("lat", DataKind.Number), new DataField("lon", DataKind.Number),
        ],
    };

    [TestCase("topic = 'it''s' or stars>=-3 AND not (isNew = true)")]
    [TestCase("stars in (1, 2,3) and tags contains \"a\"")]
    [TestCase("topic starts with 'x' and `odd name` exists and topic != null")]
    [TestCase("at < '2026-01-02' and price <> 1.5e-3 and price <= 2")]
    [TestCase("within(lat, lon, 52.5, -13.4, 1000)")]
    public void ConditionsBecomeFilters(string text)
    {
        var at = new DateTimeOffset(2026, 1, 2, 0, 0, 0, TimeSpan.Zero);
        var expected = text[0] switch
        {
            't' when text.Contains("it''s") => Filter.Or(Filter.Equal("topic", "it's"), Filter.And(Filter.GreaterThanOrEqual("stars", -3L), Filter.Not(Filter.Equal("isNew", true)))),
            's' => Filter.And(Filter.In("stars", 1L, 2L, 3L), Filter.Contains("tags", "a")),
            't' => Filter.And(Filter.StartsWith("topic", "x"), Filter.Exists("odd name"), Filter.NotEqual("topic", null)),
            'a' => Filter.And(Filter.LessThan("at", at), Filter.NotEqual("price", 0.0015), Filter.LessThanOrEqual("price", 2.0)),
            _ => Filter.WithinRadius("lat", "lon", 52.5, -13.4, 1000),
        };
        Assert.That(FilterParser.Parse(text, Definition)!.ToString(), Is.EqualTo(expected.ToString()));
    }

    /// <summary>Also those that a double cannot tell apart, and those that no decimal holds.</summary>
    [TestCase("stars = 9007199254740993.0", "Equal(stars, 9007199254740993.0)")]
    [TestCase("stars in (1, 1e3, 0.5)", "In(stars, 1, 1000, 0.5)")]
    [TestCase("stars >= 1e-300 and stars < 1e300", "(GreaterThanOrEqual(stars, 1E-300) And LessThan(stars, 1E+300))")]
    public void WholeNumbersAreComparedWithEveryDigit(string text, string filter) => Assert.That(FilterParser.Parse(text, Definition)!.ToString(), Is.EqualTo(filter));

    [TestCase("", "the name of a field")]
    [TestCase("stars", "exists was expected")]
    [TestCase("stars = 'a'", "which is Integer")]
    [TestCase("topic = 3", "which is Text")]
    [TestCase("isNew = 1", "which is Boolean")]
    [TestCase("at = 'soon'", "which is Date")]
    [TestCase("stars < null", "compares 'stars' with null")]
    [TestCase("topic = 'a", "nothing closes")]
    [TestCase("(stars = 1", "')' was expected")]
    [TestCase("stars = 1 stars = 2", "and, or, or the end")]
    [TestCase("stars in ()", "a value")]
    [TestCase("price = 1.2.3", "no number")]
    [TestCase("strs = 1", "did you mean 'stars'")]
    [TestCase("stars starts with 1", "only texts")]
    [TestCase("within(lat, lon, 1, 2)", "',' was expected")]
    [TestCase("; drop", "';'")]
    public void WhatIsNoConditionIsSaid(string text, string message) => Assert.That(() => FilterParser.Parse(text, Definition), Throws.TypeOf<UsageException>().With.Message.Contains(message));

    [TestCase("(")]
    [TestCase("not ")]
    public void DepthIsBounded(string repeated) => Assert.That(() => FilterParser.Parse(string.Concat(Enumerable.Repeat(repeated, 100_000)), Definition), Throws.TypeOf<UsageException>().With.Message.Contains("more than 64"));
}
