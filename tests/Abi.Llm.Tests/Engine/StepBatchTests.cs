using Abi.Compute.Devices;
using Abi.Compute.Graphs;
using Abi.Llm.Cache;
using Abi.Llm.Engine;

namespace Abi.Llm.Tests.Engine;

/// <summary>What a step takes of whom.</summary>
public sealed class StepBatchTests
{
    [Test]
    public void EvaluationsShareTheOutputsOfAStepAsTheyShareItsRows()
    {
        using var pool = new StatePool(new CannedDevice().CreateState(new StateLayout([], []), new StateOptions { Pages = 0, RecurrentSlots = 0 }));
        var requests = new List<EngineRequest> { Evaluation(0), Evaluation(0), Evaluation(39) };
        requests[2].Sequence.Advance(39, 0); // its last token is a row like any other

        var batch = new StepBatch();
        Assert.That(batch.Build(requests, maximumRows: 64, promptRowsBesideDecode: 64, maximumOutputs: 9), Is.True);
        Assert.That(requests.Select(request => request.OutputsInStep), Is.EqualTo(new[] { 4, 4, 1 }));

        EvaluationRequest Evaluation(int firstOutput)
        {
            var sequence = new Sequence(pool, prefixes: null);
            sequence.Append(new int[40]);
            return new EvaluationRequest(sequence, firstOutput, static (_, _) => { }, CancellationToken.None);
        }
    }
}
