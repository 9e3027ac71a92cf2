using System.Linq.Expressions;
using Abi.Database.Filters;

namespace Abi.Database.Tests.Filters;

/// <summary>Conditions written as C#, and the filters that they become.</summary>
public sealed class FilterTranslatorTests
{
    [Test]
    public void ComparisonsAreWrittenEitherWayRound()
    {
        var three = 3; // out of the closure; other values are constants
        Check(r => r.N == three, Filter.Equal("N", 3));
        Check(r => r.N != three, Filter.NotEqual("N", 3));
        Check(r => r.N < three, Filter.LessThan("N", 3));
        Check(r => r.N <= three, Filter.LessThanOrEqual("N", 3));
        Check(r => r.N > three, Filter.GreaterThan("N", 3));
        Check(r => r.N >= three, Filter.GreaterThanOrEqual("N", 3));
        Check(r => 4 == r.N, Filter.Equal("N", 4));
        Check(r => 4 != r.N, Filter.NotEqual("N", 4));
        Check(r => 4 < r.N, Filter.GreaterThan("N", 4));
        Check(r => 4 <= r.N, Filter.GreaterThanOrEqual("N", 4));
        Check(r => 4 > r.N, Filter.LessThan("N", 4));
        Check(r => 4 >= r.N, Filter.LessThanOrEqual("N", 4));
        Check(r => r.Maybe!.Value > three && !(r.IsDone || r.N == 1), Filter.And(Filter.GreaterThan("Maybe", 3), Filter.Not(Filter.Or(Filter.Equal("IsDone", true), Filter.Equal("N", 1)))));
    }

    [Test]
    public void WhatIsNoFilterIsRefused()
    {
        foreach (var condition in (Expression<Func<Thing, bool>>[])[r => r.N + 1 > 3, r => r.N > r.Other, r => r.IsDone & r.N > 1, r => r.Hidden == 1])
        {
            Assert.That(() => Translate(condition), Throws.ArgumentException.With.Message.Contains("cannot become a filter"), condition.ToString());
        }
    }

    private static void Check(Expression<Func<Thing, bool>> condition, Filter expected) => Assert.That(Translate(condition).ToString(), Is.EqualTo(expected.ToString()), condition.ToString());

    private static Filter Translate(LambdaExpression condition) => new FilterTranslator(name => name == nameof(Thing.Hidden) ? null : name).Translate(condition);

    private sealed class Thing
    {
        public int N { get; set; }

        public int Other { get; set; }

        public int Hidden { get; set; }

        public int? Maybe { get; set; }

        public bool IsDone { get; set; }
    }
}
