namespace Abi.Compute.Graphs;

/// <summary>How router logits become scores.</summary>
public enum RouteScore
{
    /// <summary>Softmax over all experts.</summary>
    Softmax,

    /// <summary>The sigmoid of each.</summary>
    Sigmoid,

    /// <summary>Picked by raw logit; the weights are the softmax over the chosen ones (gpt-oss).</summary>
    SoftmaxOfChosen,
}
