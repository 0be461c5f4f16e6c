using System.Runtime.Intrinsics;

namespace Nixl.Sdk.Samples.Model;

/// <summary>
/// Y = X Wᵀ over a batch of tokens. Each element is one dot product with one order of operations: eight lanes of fused multiply-adds from the
/// first column to the last, the lanes summed, the columns that fill no eight added one by one. The tile that an element falls into only
/// decides what is loaded together, so its bits depend neither on the batch nor on addresses.
/// </summary>
internal static unsafe class LinearKernel
{
    private const int Lanes = 8;

    /// <summary>y[t][row] = W[row] · x[t] for every token t in the view <paramref name="x"/> and every row of W.</summary>
    internal static void Run(MatrixView weight, MatrixView x, MatrixView y)
    {
        if (weight.Columns != x.Columns || y.Columns != weight.Rows || y.Rows < x.Rows)
            throw new ArgumentException($"[{x.Rows}, {x.Columns}] times [{weight.Rows}, {weight.Columns}] transposed does not give [{y.Rows}, {y.Columns}].");
        // A few rows of W stay in the nearest cache while all tokens go by: a step reads the weights once, however many tokens it has.
        var row = 0;
        for (; row <= weight.Rows - 4; row += 4)
        {
            var t = 0;
            for (; t <= x.Rows - 4; t += 4)
            {
                TwoByFour(weight[row], weight[row + 1], x, y, row, t);
                TwoByFour(weight[row + 2], weight[row + 3], x, y, row + 2, t);
            }
            for (; t < x.Rows; t++) FourByOne(weight, x[t], y[t], row);
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
        return Finish(sum, a, b, i, length);
    }

    /// <summary>Two rows of W, four tokens: eight sums in registers, six loads for eight multiply-adds.</summary>
    private static void TwoByFour(float* w0, float* w1, MatrixView x, MatrixView y, int row, int t)
    {
        float* x0 = x[t], x1 = x[t + 1], x2 = x[t + 2], x3 = x[t + 3];
        Vector256<float> s00 = default, s01 = default, s02 = default, s03 = default, s10 = default, s11 = default, s12 = default, s13 = default;
        int i = 0, length = x.Columns;
        for (; i <= length - Lanes; i += Lanes)
        {
            Vector256<float> a = Vector256.Load(w0 + i), b = Vector256.Load(w1 + i);
            var v = Vector256.Load(x0 + i);
            (s00, s10) = (Vector256.FusedMultiplyAdd(a, v, s00), Vector256.FusedMultiplyAdd(b, v, s10));
            v = Vector256.Load(x1 + i);
            (s01, s11) = (Vector256.FusedMultiplyAdd(a, v, s01), Vector256.FusedMultiplyAdd(b, v, s11));
            v = Vector256.Load(x2 + i);
            (s02, s12) = (Vector256.FusedMultiplyAdd(a, v, s02), Vector256.FusedMultiplyAdd(b, v, s12));
            v = Vector256.Load(x3 + i);
            (s03, s13) = (Vector256.FusedMultiplyAdd(a, v, s03), Vector256.FusedMultiplyAdd(b, v, s13));
        }
        (y[t][row], y[t][row + 1]) = (Finish(s00, w0, x0, i, length), Finish(s10, w1, x0, i, length));
        (y[t + 1][row], y[t + 1][row + 1]) = (Finish(s01, w0, x1, i, length), Finish(s11, w1, x1, i, length));
        (y[t + 2][row], y[t + 2][row + 1]) = (Finish(s02, w0, x2, i, length), Finish(s12, w1, x2, i, length));
        (y[t + 3][row], y[t + 3][row + 1]) = (Finish(s03, w0, x3, i, length), Finish(s13, w1, x3, i, length));
    }

    /// <summary>Four rows of W, one token.</summary>
    private static void FourByOne(MatrixView weight, float* x, float* y, int row)
    {
        float* w0 = weight[row], w1 = weight[row + 1], w2 = weight[row + 2], w3 = weight[row + 3];
        Vector256<float> s0 = default, s1 = default, s2 = default, s3 = default;
        int i = 0, length = weight.Columns;
        for (; i <= length - Lanes; i += Lanes)
        {
            var v = Vector256.Load(x + i);
            s0 = Vector256.FusedMultiplyAdd(Vector256.Load(w0 + i), v, s0);
            s1 = Vector256.FusedMultiplyAdd(Vector256.Load(w1 + i), v, s1);
            s2 = Vector256.FusedMultiplyAdd(Vector256.Load(w2 + i), v, s2);
            s3 = Vector256.FusedMultiplyAdd(Vector256.Load(w3 + i), v, s3);
        }
        y[row] = Finish(s0, w0, x, i, length);
        y[row + 1] = Finish(s1, w1, x, i, length);
        y[row + 2] = Finish(s2, w2, x, i, length);
        y[row + 3] = Finish(s3, w3, x, i, length);
    }

    private static float Finish(Vector256<float> sum, float* a, float* b, int i, int length)
    {
        var total = Vector256.Sum(sum);
        for (; i < length; i++) total = MathF.FusedMultiplyAdd(a[i], b[i], total);
        return total;
    }
}
