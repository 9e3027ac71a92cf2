using Abi.Compute.Graphs;

namespace Abi.Compute.Scalar;

/// <summary>Operations on single elements.</summary>
internal static class ScalarElements
{
    public static void Add(Add o, ScalarStep step)
    {
        for (var i = 0; i < Count(o.Result, step); i++)
        {
            step[o.Result][i] = step[o.A][i] + step[o.B][i];
        }
    }

    public static void AddWeight(AddWeight o, ScalarStep step)
    {
        var weight = o.Weight.ToFloats();
        for (var i = 0; i < Count(o.Result, step); i++)
        {
            step[o.Result][i] = step[o.X][i] + weight[i % weight.Length];
        }
    }

    public static void Multiply(Multiply o, ScalarStep step)
    {
        var run = o.A.Width / o.B.Width;
        for (var i = 0; i < Count(o.Result, step); i++)
        {
            step[o.Result][i] = step[o.A][i] * step[o.B][i / run];
        }
    }

    public static void MultiplyWeight(MultiplyWeight o, ScalarStep step)
    {
        var weight = o.Weight.ToFloats();
        for (var i = 0; i < Count(o.Result, step); i++)
        {
            step[o.Result][i] = step[o.X][i] * weight[i % weight.Length];
        }
    }

    public static void Scale(Scale o, ScalarStep step)
    {
        for (var i = 0; i < Count(o.Result, step); i++)
        {
            step[o.Result][i] = (step[o.X][i] * o.Factor) + o.Offset;
        }
    }

    public static void ScaleByPosition(ScaleByPosition o, ScalarStep step)
    {
        for (var row = 0; row < step.Rows(o.X); row++)
        {
            var factor = 1 + (o.Factor * MathF.Log(1 + MathF.Floor((step.Position(o.X, row) + o.Offset) / o.Interval)));
            for (var i = row * o.X.Width; i < (row + 1) * o.X.Width; i++)
            {
                step[o.Result][i] = step[o.X][i] * factor;
            }
        }
    }

    public static void Clamp(Clamp o, ScalarStep step)
    {
        for (var i = 0; i < Count(o.Result, step); i++)
        {
            step[o.Result][i] = MathF.Min(MathF.Max(step[o.X][i], o.Low), o.High);
        }
    }

    public static void SoftCap(SoftCap o, ScalarStep step)
    {
        for (var i = 0; i < Count(o.Result, step); i++)
        {
            step[o.Result][i] = o.Cap * MathF.Tanh(step[o.X][i] / o.Cap);
        }
    }

    public static void Activate(Activate o, ScalarStep step)
    {
        for (var i = 0; i < Count(o.Result, step); i++)
        {
            step[o.Result][i] = Activation(step[o.X][i], o.Kind, o.Parameters.AsSpan());
        }
    }

    public static void Gate(Gate o, ScalarStep step)
    {
        for (var i = 0; i < Count(o.Result, step); i++)
        {
            step[o.Result][i] = Gated(step[o.GateInput][i], step[o.Up][i], o.Kind, o.Parameters.AsSpan());
        }
    }

    /// <summary>One activation function.</summary>
    public static float Activation(float x, ActivationKind kind, ReadOnlySpan<float> parameters) => kind switch
    {
        ActivationKind.Silu => x / (1 + MathF.Exp(-x)),
        ActivationKind.Gelu => 0.5f * x * (1 + MathF.Tanh(0.79788456080286535587989211986876f * x * (1 + (0.044715f * x * x)))),
        ActivationKind.GeluErf => 0.5f * x * (1 + ErrorFunction.Erf(x * 0.70710678118654752440084436210484f)),
        ActivationKind.GeluQuick => x / (1 + MathF.Exp(-1.702f * x)),
        ActivationKind.Relu => MathF.Max(x, 0),
        ActivationKind.ReluSquared => MathF.Max(x, 0) * MathF.Max(x, 0),
        ActivationKind.Sigmoid => 1 / (1 + MathF.Exp(-x)),
        ActivationKind.Tanh => MathF.Tanh(x),
        ActivationKind.Exp => MathF.Exp(x),
        ActivationKind.Softplus => x > 20 ? x : Log1P(MathF.Exp(x)),
        ActivationKind.Negate => -x,
        ActivationKind.ExpNegExp => MathF.Exp(-MathF.Exp(x)),
        ActivationKind.XIelu => XIelu(x, parameters),
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "Unknown activation."),
    };

    /// <summary>One gated function.</summary>
    public static float Gated(float gate, float up, GateKind kind, ReadOnlySpan<float> parameters) => kind switch
    {
        GateKind.SwiGlu => Activation(gate, ActivationKind.Silu, default) * up,
        GateKind.GeGlu => Activation(gate, ActivationKind.Gelu, default) * up,
        GateKind.GeGluErf => Activation(gate, ActivationKind.GeluErf, default) * up,
        GateKind.ReGlu => MathF.Max(gate, 0) * up,
        GateKind.Glu => Activation(gate, ActivationKind.Sigmoid, default) * up,
        GateKind.SwiGluOai => SwiGluOai(gate, up, parameters[0], parameters[1]),
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "Unknown gate."),
    };

    private static float SwiGluOai(float gate, float up, float alpha, float limit)
    {
        var g = MathF.Min(gate, limit);
        var u = MathF.Min(MathF.Max(up, -limit), limit);
        return g / (1 + MathF.Exp(-alpha * g)) * (u + 1);
    }

    /// <summary>ln(1 + x) without losing small x.</summary>
    private static float Log1P(float x) => (float)Math.Log(1 + (double)x);

    private static float XIelu(float x, ReadOnlySpan<float> parameters)
    {
        var (alphaN, alphaP, beta, epsilon) = (parameters[0], parameters[1], parameters[2], parameters[3]);
        return x > 0
            ? (alphaP * x * x) + (beta * x)
            : ((MathF.Exp(MathF.Min(x, epsilon)) - 1 - x) * alphaN) + (beta * x);
    }

    private static int Count(Value value, ScalarStep step) => step.Rows(value) * value.Width;
}
