using System.Runtime.Intrinsics;

namespace Nixl.Sdk.Samples.Model;

/// <summary>
/// Y = X Wᵀ over a batch of tokens. Each element is one dot product with one order of operations: eight lanes of fused multiply-adds from the
/// first column to the last, the lanes summed (<see cref="LaneSums"/>), the columns that fill no eight added one by one. The tile that an
/// element falls into only decides what is loaded together, so its bits depend neither on the batch nor on addresses.
/// </summary>
internal static unsafe class LinearKernel
{
    private const int Lanes = 8;

    /// <summary>y[t][row] = W[row] · x[t] for every token t in the view <paramref name="x"/> and every row of W.</summary>
    internal static void Run(MatrixView weight, MatrixView x, MatrixView y)
    {
        if (weight.Columns != x.Columns || y.Columns != weight.Rows || y.Rows < x.Rows)
            throw new ArgumentException($"[{x.Rows}, {x.Columns}] times [{weight.Rows}, {weight.Columns}] transposed does not give [{y.Rows}, {y.Columns}].");
        // Four rows of W stay in the nearest cache while all tokens go by: a step reads the weights once, however many tokens it has.
        var row = 0;
        for (; row <= weight.Rows - 4; row += 4)
        {
            var t = 0;
            for (; t <= x.Rows - 2; t += 2) FourByTwo(weight, row, x[t], x[t + 1], y[t] + row, y[t + 1] + row);
            if (t < x.Rows) Four(weight[row], weight[row + 1], weight[row + 2], weight[row + 3], x[t], weight.Columns).Store(y[t] + row);
        }
        for (; row < weight.Rows; row++)
            for (var t = 0; t < x.Rows; t++) y[t][row] = Dot(weight[row], x[t], weight.Columns);
    }

    /// <summary>One dot product, in the order of all of them.</summary>
    internal static float Dot(float* a, float* b, int length)
    {
        var sum = Vector256<float>.Zero;
        var i = 0;
        for (; i <= length - Lanes; i += Lanes) sum = Vector256.FusedMultiplyAdd(Vector256.Load(a + i), Vector256.Load(b + i), sum);
        return Tail(LaneSums.One(sum), a, b, i, length);
    }

    /// <summary>Four dot products with one vector.</summary>
    internal static Vector128<float> Four(float* w0, float* w1, float* w2, float* w3, float* x, int length)
    {
        Vector256<float> s0 = default, s1 = default, s2 = default, s3 = default;
        var i = 0;
        for (; i <= length - Lanes; i += Lanes)
        {
            var v = Vector256.Load(x + i);
            s0 = Vector256.FusedMultiplyAdd(Vector256.Load(w0 + i), v, s0);
            s1 = Vector256.FusedMultiplyAdd(Vector256.Load(w1 + i), v, s1);
            s2 = Vector256.FusedMultiplyAdd(Vector256.Load(w2 + i), v, s2);
            s3 = Vector256.FusedMultiplyAdd(Vector256.Load(w3 + i), v, s3);
        }
        var sums = LaneSums.Four(s0, s1, s2, s3);
        return i == length ? sums : TailOfFour(sums, w0, w1, w2, w3, x, i, length);
    }

    /// <summary>Four rows of W, two tokens: eight sums in registers, six loads for eight multiply-adds.</summary>
    private static void FourByTwo(MatrixView weight, int row, float* x, float* z, float* y, float* u)
    {
        float* w0 = weight[row], w1 = weight[row + 1], w2 = weight[row + 2], w3 = weight[row + 3];
        Vector256<float> s0 = default, s1 = default, s2 = default, s3 = default, r0 = default, r1 = default, r2 = default, r3 = default;
        int i = 0, length = weight.Columns;
        for (; i <= length - Lanes; i += Lanes)
        {
            Vector256<float> v = Vector256.Load(x + i), q = Vector256.Load(z + i);
            var w = Vector256.Load(w0 + i);
            (s0, r0) = (Vector256.FusedMultiplyAdd(w, v, s0), Vector256.FusedMultiplyAdd(w, q, r0));
            w = Vector256.Load(w1 + i);
            (s1, r1) = (Vector256.FusedMultiplyAdd(w, v, s1), Vector256.FusedMultiplyAdd(w, q, r1));
            w = Vector256.Load(w2 + i);
            (s2, r2) = (Vector256.FusedMultiplyAdd(w, v, s2), Vector256.FusedMultiplyAdd(w, q, r2));
            w = Vector256.Load(w3 + i);
            (s3, r3) = (Vector256.FusedMultiplyAdd(w, v, s3), Vector256.FusedMultiplyAdd(w, q, r3));
        }
        Vector128<float> first = LaneSums.Four(s0, s1, s2, s3), second = LaneSums.Four(r0, r1, r2, r3);
        if (i < length)
        {
            first = TailOfFour(first, w0, w1, w2, w3, x, i, length);
            second = TailOfFour(second, w0, w1, w2, w3, z, i, length);
        }
        first.Store(y);
        second.Store(u);
    }

    private static Vector128<float> TailOfFour(Vector128<float> sums, float* w0, float* w1, float* w2, float* w3, float* x, int i, int length) =>
        Vector128.Create(Tail(sums[0], w0, x, i, length), Tail(sums[1], w1, x, i, length), Tail(sums[2], w2, x, i, length), Tail(sums[3], w3, x, i, length));

    private static float Tail(float total, float* a, float* b, int i, int length)
    {
        for (; i < length; i++) total = MathF.FusedMultiplyAdd(a[i], b[i], total);
        return total;
    }
}
