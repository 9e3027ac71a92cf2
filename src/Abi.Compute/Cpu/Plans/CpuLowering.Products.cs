using Abi.Compute.Cpu.Kernels;
using Abi.Compute.Cpu.Products;
using Abi.Compute.Cpu.Rows;
using Abi.Compute.Graphs;

namespace Abi.Compute.Cpu.Plans;

/// <summary>Products with weight matrices.</summary>
internal sealed unsafe partial class CpuLowering
{
    private void LowerProducts(MatMul first, int index)
    {
        // every product of the same value in this block
        var products = new List<(MatMul Operation, ProductMatrix Matrix)>();
        for (var i = index; i < _graph.Operations.Length && _graph.Operations[i].Block == first.Block; i++)
        {
            if (_graph.Operations[i] is MatMul other && other.X == first.X && (i == index || !_isDone[i]))
            {
                _isDone[i] = true;
                products.Add((other, MatrixOf(other.Weight, 0, checked((int)other.Weight.Rows))));
            }
        }

        var inputs = products.ConvertAll(product => Prepare(first.X, product.Matrix.Form, product.Matrix.Columns, first.Block));
        var stage = AddStage(new ProductStage(_frame, first.Block, first.X.Rows));
        var tails = new List<(ProductGroup Group, Value Tail)>();
        for (var i = 0; i < products.Count; i++)
        {
            var (operation, matrix) = products[i];
            Use(inputs[i]);
            var output = Make(operation.Result);
            var group = new ProductGroup([new ProductPart(matrix, inputs[i], 0, output, 0)], []);
            if (operation.Bias is not null)
            {
                group.Epilogue.Add(new MapWeight<AddLanes>("bias", output, _vectors.Get(operation.Bias, output.Width), output, default));
            }

            tails.Add((group, operation.Result));
        }

        FuseEpilogues(tails);
        stage.Groups.AddRange(tails.Select(tail => tail.Group));
        stage.Cut();
    }

    /// <summary>Takes the operations that follow single products, element by element, into their chunks, and joins the products that such an operation reads both of.</summary>
    private void FuseEpilogues(List<(ProductGroup Group, Value Tail)> tails)
    {
        for (var i = 0; i < tails.Count;)
        {
            var (group, tail) = tails[i];
            if (tail.IsObserved || _readers[tail.Id] is not [var reader] || _isDone[reader] || _graph.Operations[reader] is not { Output: { } output } operation || !IsElement(operation))
            {
                i++;
                continue;
            }

            var other = operation.Inputs.FirstOrDefault(input => input != tail);
            var partner = other is null ? -1 : tails.FindIndex(candidate => candidate.Tail == other);
            if (partner >= 0 && partner != i && !other!.IsObserved && _readers[other.Id].Count == 1 && CanJoin(group, tails[partner].Group))
            {
                var joined = new ProductGroup([.. group.Parts, .. tails[partner].Group.Parts], [.. group.Epilogue, .. tails[partner].Group.Epilogue]);
                AppendElement(joined.Epilogue, operation, reader);
                tails[i] = (joined, output);
                tails.RemoveAt(partner);
                i = 0;
                continue;
            }

            if (other is null || (_slotOf[other.Id] is not null && _stageOf[other.Id] < LastStage))
            {
                AppendElement(group.Epilogue, operation, reader);
                tails[i] = (group, output);
                continue;
            }

            i++;
        }
    }

    private static bool CanJoin(ProductGroup a, ProductGroup b) => a.Outputs == b.Outputs && Math.Max(a.Granularity, b.Granularity) % Math.Min(a.Granularity, b.Granularity) == 0;

    private static bool IsElement(Operation operation) => operation switch
    {
        Multiply o => o.A.Width == o.B.Width,
        Add or AddWeight or MultiplyWeight or Scale or ScaleByPosition or Clamp or SoftCap or Activate or Gate => true,
        _ => false,
    };

    private void AppendElement(List<ElementOperation> epilogue, Operation operation, int index)
    {
        _isDone[index] = true;
        epilogue.Add(TryElement(operation)!);
    }

    private void LowerGrouped(GroupedMatMul o)
    {
        var groups = o.Weight.Shape.Length > 2 ? checked((int)o.Weight.Shape[2]) : 1;
        var rows = checked((int)(o.Weight.Rows / groups));
        var matrices = new ProductMatrix[groups];
        for (var group = 0; group < groups; group++)
        {
            matrices[group] = MatrixOf(o.Weight, (long)group * rows, rows);
        }

        var input = Prepare(o.X, matrices[0].Form, matrices[0].Columns, o.Block);
        var stage = AddStage(new ProductStage(_frame, o.Block, o.X.Rows));
        Use(input);
        var output = Make(o.Result);
        for (var group = 0; group < groups; group++)
        {
            stage.Groups.Add(new ProductGroup([new ProductPart(matrices[group], input, input.Segments == 1 ? 0 : group, output, group * rows)], []));
        }

        stage.Cut();
    }

    private void LowerExperts(ExpertMatMul first, int index)
    {
        var operations = new List<ExpertMatMul>();
        for (var i = index; i < _graph.Operations.Length && _graph.Operations[i].Block == first.Block; i++)
        {
            if (_graph.Operations[i] is ExpertMatMul other && other.X == first.X && other.Route == first.Route && other.Result.Width == first.Result.Width
                && other.Weight.Type == first.Weight.Type && (i == index || !_isDone[i]))
            {
                _isDone[i] = true;
                operations.Add(other);
            }
        }

        var matrices = operations.ConvertAll(operation =>
        {
            var rows = checked((int)operation.Weight.Shape[1]);
            var experts = new ProductMatrix[operation.Weight.Shape[2]];
            for (var e = 0; e < experts.Length; e++)
            {
                experts[e] = MatrixOf(operation.Weight, (long)e * rows, rows);
            }

            return experts;
        });
        var input = Prepare(first.X, matrices[0][0].Form, matrices[0][0].Columns, first.Block);
        _stages.Add(null!); // uses are of the stage that follows
        Use(input);
        var stage = new ExpertStage(_frame, first.Block, first.X.Rows, Read(first.Route), input, input.Segments == 1);
        _stages[^1] = stage;
        for (var i = 0; i < operations.Count; i++)
        {
            stage.Parts.Add(new ExpertPart(matrices[i], Make(operations[i].Result), _vectors.Get(operations[i].Bias)));
        }

        // a gate over two of the results
        while (stage.Parts.Count == 2 && stage.Epilogue.Count == 0 && TryJoiningReader(operations[0].Result, operations[1].Result, out var reader))
        {
            AppendElement(stage.Epilogue, _graph.Operations[reader], reader);
        }

        stage.Cut();
    }

    private bool TryJoiningReader(Value a, Value b, out int reader)
    {
        reader = _readers[a.Id] is [var only] ? only : -1;
        return reader >= 0 && !_isDone[reader] && !a.IsObserved && !b.IsObserved && _readers[b.Id] is [var other] && other == reader
            && IsElement(_graph.Operations[reader]) && _graph.Operations[reader].Inputs.All(input => input == a || input == b);
    }

    private ProductMatrix MatrixOf(Tensors.WeightTensor weight, long firstRow, int rows)
    {
        var matrix = ProductMatrices.Create(weight, firstRow, rows, _options.Activations, _options.Repack);
        _owned.Add(matrix);
        return matrix;
    }

    /// <summary>A value in the form that a matrix asks for, prepared once for all that ask for the same.</summary>
    private PreparedRows Prepare(Value value, ActivationForm form, int columns, int block)
    {
        if (_prepared.TryGetValue((value.Id, form, columns), out var prepared))
        {
            return prepared;
        }

        prepared = new PreparedRows(_slotOf[value.Id]!, form, columns);
        _prepared.Add((value.Id, form, columns), prepared);
        if (!prepared.IsSource)
        {
            Track(prepared.Target);
            var stage = Rows(value.Rows, block);
            Read(value);
            prepared.Target.Use(LastStage);
            stage.Add(new PrepareRow(prepared));
        }

        return prepared;
    }

    private void Use(PreparedRows prepared) => prepared.Target.Use(LastStage);
}
