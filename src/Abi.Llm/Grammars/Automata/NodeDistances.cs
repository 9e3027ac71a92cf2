namespace Abi.Llm.Grammars.Automata;

/// <summary>What is known of an automaton's nodes before it runs: how near the end is, which ways lead nowhere, which rules begin with themselves.</summary>
internal static class NodeDistances
{
    /// <summary>Sets every node's fewest bytes to its rule's return, by relaxing until nothing changes.</summary>
    public static void Compute(PushdownNode[] nodes)
    {
        var dependents = Dependents(nodes);
        var queue = new Queue<int>();
        var isQueued = new bool[nodes.Length];
        for (var node = nodes.Length - 1; node >= 0; node--)
        {
            queue.Enqueue(node);
            isQueued[node] = true;
        }

        while (queue.TryDequeue(out var index))
        {
            isQueued[index] = false;
            var node = nodes[index];
            var distance = Measure(nodes, node);
            if (distance >= node.Distance)
            {
                continue;
            }

            node.Distance = distance;
            for (var i = dependents.First[index]; i < dependents.First[index + 1]; i++)
            {
                var dependent = dependents.Nodes[i];
                if (!isQueued[dependent])
                {
                    isQueued[dependent] = true;
                    queue.Enqueue(dependent);
                }
            }
        }
    }

    /// <summary>Throws when a rule can call itself before a byte is taken: its stack would grow for ever.</summary>
    public static void RefuseLeftRecursion(PushdownNode[] nodes, GrammarRules rules)
    {
        // depth-first over the ways that take nothing; a call that comes back into an open component is left recursion
        var index = new int[nodes.Length];
        var low = new int[nodes.Length];
        var component = new int[nodes.Length];
        var open = new Stack<int>();
        var path = new Stack<(int Node, int Next)>();
        var (number, components) = (0, 0);
        for (var root = 0; root < nodes.Length; root++)
        {
            if (index[root] == 0)
            {
                Enter(root);
            }

            while (path.TryPop(out var top))
            {
                if (Silent(nodes, top.Node, top.Next) is var target and >= 0)
                {
                    path.Push((top.Node, top.Next + 1));
                    if (index[target] == 0)
                    {
                        Enter(target);
                    }
                    else if (component[target] == 0)
                    {
                        low[top.Node] = Math.Min(low[top.Node], index[target]);
                    }

                    continue;
                }

                if (path.TryPeek(out var previous))
                {
                    low[previous.Node] = Math.Min(low[previous.Node], low[top.Node]);
                }

                if (low[top.Node] == index[top.Node])
                {
                    components++;
                    int member;
                    do
                    {
                        member = open.Pop();
                        component[member] = components;
                    }
                    while (member != top.Node);
                }
            }
        }

        foreach (var (node, i) in nodes.Select((node, i) => (node, i)))
        {
            if (node.Kind is NodeKind.Call or NodeKind.Counted && node.Distance < PushdownNode.Endless && component[node.Callee] == component[i])
            {
                var name = rules.NameOf(node.Rule);
                var (line, column) = rules.PositionOf(node.Rule);
                throw new GrammarException(
                    $"The rule '{name}' comes back to itself before it has taken a character (left recursion through other rules or through parts that may be empty); write it with a repetition, or let it begin with something else",
                    line,
                    column);
            }
        }

        void Enter(int node)
        {
            index[node] = low[node] = ++number;
            open.Push(node);
            path.Push((node, 0));
        }
    }

    /// <summary>Takes out the ways that have no end.</summary>
    public static void Trim(PushdownNode[] nodes)
    {
        bool Ends(int target) => nodes[target].Distance < PushdownNode.Endless;
        foreach (var node in nodes)
        {
            if (!Array.TrueForAll(node.Targets, Ends))
            {
                node.Targets = [.. node.Targets.Where(Ends)];
            }

            if (!Array.TrueForAll(node.Edges, edge => Ends(edge.Target)))
            {
                node.Edges = [.. node.Edges.Where(edge => Ends(edge.Target))];
            }
        }
    }

    private static long Measure(PushdownNode[] nodes, PushdownNode node)
    {
        var distance = PushdownNode.Endless;
        switch (node.Kind)
        {
            case NodeKind.Return:
                return 0;
            case NodeKind.Split:
                foreach (var target in node.Targets)
                {
                    distance = Math.Min(distance, nodes[target].Distance);
                }

                return distance;
            case NodeKind.Bytes:
                foreach (var edge in node.Edges)
                {
                    distance = Math.Min(distance, PushdownNode.Add(1, nodes[edge.Target].Distance));
                }

                return distance;
            case NodeKind.Tokens:
                return node.IsNegated || node.TokenIds.Length > 0 ? PushdownNode.Add(1, nodes[node.Next].Distance) : PushdownNode.Endless;
            case NodeKind.Call:
                return PushdownNode.Add(nodes[node.Callee].Distance, nodes[node.Next].Distance);
            default:
                return PushdownNode.Add(PushdownNode.Multiply(node.Minimum, nodes[node.Callee].Distance), nodes[node.Next].Distance);
        }
    }

    /// <summary>The i-th node that is reached without taking anything; -1 when there are no more.</summary>
    private static int Silent(PushdownNode[] nodes, int index, int i)
    {
        var node = nodes[index];
        if (node.Distance >= PushdownNode.Endless)
        {
            return -1;
        }

        switch (node.Kind)
        {
            case NodeKind.Split:
                return i < node.Targets.Length ? node.Targets[i] : -1;
            case NodeKind.Call:
                return i == 0 ? node.Callee : i == 1 && nodes[node.Callee].Distance == 0 ? node.Next : -1;
            case NodeKind.Counted:
                return i == 0 ? node.Callee : i == 1 && (node.Minimum == 0 || nodes[node.Callee].Distance == 0) ? node.Next : -1;
            default:
                return -1;
        }
    }

    private static (int[] First, int[] Nodes) Dependents(PushdownNode[] nodes)
    {
        var first = new int[nodes.Length + 1];
        Each((target, _) => first[target + 1]++);
        for (var i = 0; i < nodes.Length; i++)
        {
            first[i + 1] += first[i];
        }

        var next = first[..^1];
        var dependents = new int[first[^1]];
        Each((target, node) => dependents[next[target]++] = node);
        return (first, dependents);

        void Each(Action<int, int> use)
        {
            for (var i = 0; i < nodes.Length; i++)
            {
                var node = nodes[i];
                foreach (var target in node.Targets)
                {
                    use(target, i);
                }

                foreach (var edge in node.Edges)
                {
                    use(edge.Target, i);
                }

                if (node.Kind is NodeKind.Call or NodeKind.Counted)
                {
                    use(node.Callee, i);
                    use(node.Next, i);
                }
                else if (node.Kind == NodeKind.Tokens)
                {
                    use(node.Next, i);
                }
            }
        }
    }
}
